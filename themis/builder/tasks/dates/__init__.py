"""The tasks calendar, weather and multi_tools: questions by rule about days and the weather on them."""
