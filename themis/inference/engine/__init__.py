"""The engine: many judgements of one local model at a time. Which tools there are, nothing in here knows."""
