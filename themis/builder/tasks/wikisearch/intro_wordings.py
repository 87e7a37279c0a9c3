"""How people ask for what an introduction says (`intro_questions.yaml`), and the kind of their answers, both by relation."""

from collections.abc import Mapping

from themis.builder.text.phrases import phrases

WORDINGS = phrases(__package__, "intro_questions.yaml")
KINDS: Mapping[str, str] = {
    relation: kind for kind, relations in phrases(__package__, "intro_kinds.yaml").items() for relation in relations
}
