"""The task no_tool: requests that no tool helps with."""
