"""Judges answers by DeepEval, in an environment of its own: `python evaluators.py QUESTION ANSWER...`, a line each.

DeepEval finds the server by TYPESAFE_BASE_URL.
"""

import json
import sys


def main() -> None:
    """Print score, confidence and success of each answer as JSON."""
    from deepeval.metrics import JevEval
    from deepeval.metrics.jev_eval.questions import Noul
    from deepeval.test_case import LLMTestCase, SingleTurnParams

    fields = [SingleTurnParams.INPUT, SingleTurnParams.ACTUAL_OUTPUT]
    asked = Noul("The actual output answers the input correctly.")
    metric = JevEval(name="Right", evaluation_params=fields, questions=[asked], async_mode=False)
    for answer in sys.argv[2:]:
        metric.measure(LLMTestCase(input=sys.argv[1], actual_output=answer), _show_indicator=False)
        print(json.dumps({"score": metric.score, "confidence": metric.confidence, "success": metric.success}))


if __name__ == "__main__":
    main()
