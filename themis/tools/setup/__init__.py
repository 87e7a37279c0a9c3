"""Which tools are on, and how each is configured."""
