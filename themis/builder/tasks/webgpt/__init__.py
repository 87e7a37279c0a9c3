"""The task webgpt: claims and questions that a web search settles."""
