"""The sentences of the programmatic rationale, as templates. Data only; `rationales.py` fills them.

`{claim}` and `{found}` come without a full stop. In each the verdict comes before what is quoted.
"""

AGREES_MORE = (
    "The answer is correct: it gives {claim}, which is what {tool} returned, {found}.",
    "Yes, this is right. The answer says {claim} and the tool observed {found}.",
    "The answer holds. Its {claim} equals the {found} of the {tool} tool.",
    "Right: the observation reads {found}, and the answer says {claim} as well.",
    "It agrees with what was observed. The answer's {claim} and the tool's {found} are the same.",
)
DISAGREES_MORE = (
    "The answer is incorrect: it gives {claim}, which is not what {tool} returned, {found}.",
    "No, this is wrong. The answer says {claim} but the tool observed {found}.",
    "The answer fails. Its {claim} does not equal the {found} of the {tool} tool.",
    "Wrong: the observation reads {found}, and the answer says {claim} instead.",
    "It disagrees with what was observed. The answer's {claim} and the tool's {found} are not the same.",
)
SUPPORTED = (
    "The answer is right: it says {claim}, and it is supported by the search results: {found}.",
    "Supported. The answer says {claim}, and {tool} found this: {found}.",
    "The search results support the answer. It says {claim}; they say {found}.",
    "The answer can be trusted: {claim} is what it says, and what {tool} found bears it out: {found}.",
    "Accurate: the answer gives {claim}, in line with the search results, which read {found}.",
    "The answer is correct. It states {claim}, and the search returned {found}.",
    "Confirmed by the search. Claimed: {claim}. Found: {found}.",
    "The claim holds: the answer says {claim}, and the results of {tool} speak for it: {found}.",
)
NOT_SUPPORTED = (
    "The answer is wrong: it says {claim}, and it is not supported by the search results: {found}.",
    "Not supported. The answer says {claim}, but {tool} found this: {found}.",
    "The search results do not support the answer. It says {claim}; they say {found}.",
    "The answer cannot be trusted: {claim} is what it says, and what {tool} found does not bear it out: {found}.",
    "Inaccurate: the answer gives {claim}, not in line with the search results, which read {found}.",
    "The answer is incorrect. It states {claim}, but the search returned {found}.",
    "Not confirmed by the search. Claimed: {claim}. Found: {found}.",
    "The claim fails: the answer says {claim}, and the results of {tool} do not speak for it: {found}.",
)
BEARS_OUT = (
    "The answer is right: it says {claim}, and what {tool} returned bears it out.",
    "Supported by what was observed. The answer says {claim}, and {tool} returned as much.",
    "The answer is correct. It states {claim}, in line with the observation of {tool}.",
    "The observation supports the answer, which says {claim}.",
)
DOES_NOT_BEAR_OUT = (
    "The answer is wrong: it says {claim}, and what {tool} returned does not bear it out.",
    "Not supported by what was observed. The answer says {claim}, and {tool} returned no such thing.",
    "The answer is incorrect. It states {claim}, not in line with the observation of {tool}.",
    "The observation does not support the answer, which says {claim}.",
)
SOUND = (
    "The answer is correct. The calculator finds each step right, and the final number follows from them.",
    "The answer is right: each step was recomputed and holds, and the last one gives the final number.",
    "Correct: the tool confirms both the calculation and the answer.",
    "The answer is accurate. No step is miscalculated, and the result is the stated one.",
    "It holds. The calculator says: {found}.",
    "Sound: the steps of the answer and its final number agree with the {tool} tool, which says {found}.",
)
FAULTY = (
    "The answer is wrong. The calculator finds a fault: {found}.",
    "The answer is incorrect: the tool does not confirm it. {found}.",
    "It cannot be trusted. Recomputing the steps shows a fault: {found}.",
    "Inaccurate: the check fails. {found}.",
    "It does not hold. The {tool} tool says: {found}.",
    "Faulty: the steps of the answer or its final number do not agree with the tool, which says {found}.",
)
CODE_PASSES = (
    "The program is right, as a run of its tests shows: {found}.",
    "The answer is correct. Run against the tests, it passes: {found}.",
    "It works. The {tool} tool reports: {found}.",
    "The code does what is asked, as its tests confirm: {found}.",
    "Accurate: every test of the program passes. {found}.",
    "The answer holds. Observed when it was executed: {found}.",
)
CODE_FAILS = (
    "The program is wrong, as a run of its tests shows: {found}.",
    "The answer is incorrect. Run against the tests, it fails: {found}.",
    "It does not work. The {tool} tool reports: {found}.",
    "The code does not do what is asked, as its tests show: {found}.",
    "Inaccurate: not every test of the program passes. {found}.",
    "The answer fails. Observed when it was executed: {found}.",
)
OPEN = (
    "Not settled: the answer says {claim}, and {tool} returned nothing that decides it.{judged}",
    "The observation leaves it open. The answer says {claim}; {tool} says neither that this is so nor that it is not.{judged}",
    "It cannot be decided from what {tool} returned, {found}, whether {claim} is right.{judged}",
    "Undecided by the tool. Claimed: {claim}. Observed: {found}.{judged}",
    "The tool does not settle the question: the answer gives {claim}, and the observation does not speak of it.{judged}",
    "Open: what the {tool} tool observed is {found}, and this does not tell about {claim}.{judged}",
)
NOTHING_CAME_BACK = (
    "Not settled: {tool} gave no result, so the answer's {claim} could not be checked.{judged}",
    "The check did not happen. The {tool} tool failed, and the answer says {claim}.{judged}",
    "Unverified: the answer says {claim}, and {tool} returned no result to hold it against.{judged}",
)
NO_TOOL = (
    "There are no tools involved. I need to evaluate and score the answer based solely on its content.",
    "No tool is involved here. The answer has to be judged by its content alone.",
    "Nothing was looked up, for no tool would help. What counts is the content of the answer.",
    "This needs no tool: the answer is scored by how well it meets the request.",
)
