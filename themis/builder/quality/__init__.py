"""What a row must be: filters, balance, surface cues, duplicates, and the audit of a whole data set."""
