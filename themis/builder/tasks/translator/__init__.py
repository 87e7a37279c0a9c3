"""The task translator: a question in another language on an English text."""
