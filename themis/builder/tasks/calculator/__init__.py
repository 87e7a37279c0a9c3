"""The task calculator: word problems whose sums are checked."""
