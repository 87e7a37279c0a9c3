"""The builder's four steps, from questions to a preference set.

`collect` (step 1) asks the sources for drafts, `rows` (steps 2 and 3) has the agents work on each, with the tools of a
build's `tools`, `choose` (step 4) filters and balances, `writing` writes the data set. `pipeline` is the order in which they are
called; `work` keeps what is done, so that a stopped run resumes; `recipe` says what is built.

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1.
"""
