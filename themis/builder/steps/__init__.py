"""The builder's four steps, from questions to a preference set.

`collect` (step 1) asks the sources for drafts. `rows` (steps 2 and 3) lets the agents work on each draft, with the
`tools` of the build. `choose` (step 4) filters and balances. `writing` writes the data set.

`pipeline` calls them in order. `work` stores what is done, so that a stopped build resumes. `recipe` says what is
built.

Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, section 3.1.
"""
