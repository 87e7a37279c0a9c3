"""The sentences of the programmatic rationale (`phrases.yaml`). `rationales` fills them."""

from themis.builder.text.phrases import phrases

_PHRASES = phrases(__package__)
AGREES = _PHRASES["agrees"]
DISAGREES = _PHRASES["disagrees"]
"""The verdict first: a small model knows it when the observation is read, and what it then copies cannot change it."""
SUPPORTED = _PHRASES["supported"]
NOT_SUPPORTED = _PHRASES["not_supported"]
BEARS_OUT = _PHRASES["bears_out"]
DOES_NOT_BEAR_OUT = _PHRASES["does_not_bear_out"]
SOUND = _PHRASES["sound"]
FAULTY = _PHRASES["faulty"]
CODE_PASSES = _PHRASES["code_passes"]
CODE_FAILS = _PHRASES["code_fails"]
OPEN = _PHRASES["open"]
NOTHING_CAME_BACK = _PHRASES["nothing_came_back"]
NO_TOOL = _PHRASES["no_tool"]
