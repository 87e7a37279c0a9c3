"""What all tasks' agents share: rationales by rule, and a language model in place of the programs."""
