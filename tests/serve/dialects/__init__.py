"""The dialects of `themis serve`."""
