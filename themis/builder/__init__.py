"""From questions to a preference set in which every pair was checked with tools. Imports no torch."""
