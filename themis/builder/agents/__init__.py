"""What the tasks' agents have in common: rationales by rule, and a language model in the place of the programs."""
