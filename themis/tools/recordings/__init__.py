"""What tools said, recorded and replayed."""
