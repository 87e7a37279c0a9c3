"""The task wikisearch: questions that a passage of Wikipedia answers."""
