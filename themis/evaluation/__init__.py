"""How well a judge judges: benches, their tables and their error bars. Knows nothing of training."""
