"""Judging on many machines, by Ray: files of cases by Ray Data, a server by Ray Serve. Needs the extra `ray`."""
