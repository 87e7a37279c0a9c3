"""The tool `wiki_search`: a local index, a ZIM file, or Wikipedia's API."""
