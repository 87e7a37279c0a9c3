"""The data card: what a data set holds, in words and plots."""
