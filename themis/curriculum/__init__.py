"""What only training from scratch needs: generated pairs, drills and plain text. Training never imports it."""
