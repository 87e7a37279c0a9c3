"""Question templates for the facts of introductions, and the kinds of answers, by relation."""

from collections.abc import Mapping

from themis.builder.text.phrases import phrases

WORDINGS = phrases(__package__, "intro_questions.yaml")
KINDS: Mapping[str, str] = {
    relation: kind for kind, relations in phrases(__package__, "intro_kinds.yaml").items() for relation in relations
}
