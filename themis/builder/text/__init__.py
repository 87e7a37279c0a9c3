"""Text that several tasks need: names, sentence templates, values, and finding an answer in a passage."""
