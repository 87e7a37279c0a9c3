"""The tool `code_run` and its sandbox."""
