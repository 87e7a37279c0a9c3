"""Text that several tasks need: names, wordings, reading an answer in a passage."""
