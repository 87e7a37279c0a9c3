"""`themis rlhf`, a command each."""
