"""The task code: programs that are run against tests."""
