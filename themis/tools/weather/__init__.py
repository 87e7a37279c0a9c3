"""The tool `history_weather`: records in a local store, a web service, or made-up ones for the demo."""
