"""One folder a task: its sources and its agents. A task never imports another task."""
