"""Which drafts are kept out of every data set, so that counterfactual pairs can be made of them.

A group goes with all of its drafts, whatever source they come from and whatever the seed: a data set built today and pairs built
tomorrow never share a question. What is made by rule needs no such share: its pairs are drawn from seeds of their own.
"""

import hashlib

from themis.builder.draft import Draft

ONE_IN = {"mbpp": 8, "mbpp_programs": 8, "xquad": 24} | dict.fromkeys(("nq_gold", "popqa", "nq_open", "webquestions", "efficientqa"), 10)
"""Of the groups of a source, one in so many; of other sources, none."""


def reserved(draft: Draft) -> bool:
    """Is a draft kept for counterfactual pairs?"""
    share = ONE_IN.get(draft.source)
    if share is None:
        return False
    group = draft.group or draft.question
    return int(hashlib.sha256(f"counterfactual/{group}".encode()).hexdigest()[:8], 16) % share == 0
