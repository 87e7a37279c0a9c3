"""The agents of the task translator: a question in any language on an English context, judged by its translation.

Wrong answers come from the context, as right ones do, so that surface cues do not give them away. They are right
answers to other questions, and names, numbers, dates and phrases of the same form. A share are arbitrary cuts, as in
TARA. The sentence of the context that answers a question settles it. In hindsight that is the sentence with the
reference; blind, it is the one that shares most words with the translated question.
Source: Tool-Augmented Reward Modeling, arXiv:2310.01045, and its released data.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from themis.builder.draft import ByRule, Draft, Evidence, Observe, View
from themis.builder.text.reading import NUMBER_WORDS, STOP_WORDS, bare, content, occurs, place, same_words, sentences, shared, spread, words
from themis.phrases import phrases
from themis.tools.dates import MONTHS
from themis.traces import Action, Case, Observation, Step

THOUGHT = "I need to translate the question into English to help answer the question."
CUTS = 0.3
"""The share of drafts whose wrong answers are arbitrary cuts.

Nearly all of TARA's are, and their form gives them away.
"""
OFFERED = 8
"""Most wrong answers of a draft."""
NEAR = 25
"""Characters. A text this near to the right answer may be a part of it, or another name for it."""
CLEAR = 1.25
"""Blind: how many times as well the best sentence must match the question as the best one for the other verdict."""

_MONTH = rf"(?:{'|'.join(MONTHS)})"
_DATE = rf"(?:(?:\d{{1,2}} )?{_MONTH}(?: \d{{1,2}}(?!\d),?)?(?: \d{{4}})?|\b1\d{{3}}s?\b|\b20[0-4]\d\b)"
_WRITTEN = "|".join(word for word in NUMBER_WORDS if word not in ("zero", "one", "once"))
_AMOUNT = rf"(?:[$£€¥]\s?)?(?<![\w.,])(?:\d[\d,]*(?:\.\d+)?|{_WRITTEN})(?![\w])(?:\s?%| percent| per cent| million| billion| trillion)?"
_NAME = r"[A-Z][\w'’.-]*[\w'’](?:(?: of| the| de| and| for| van| von)* [A-Z][\w'’.-]*[\w'’])*"
_NOT_PERSONS = re.compile(
    r"\b(?:Act|Agency|Airport|Army|Association|Avenue|Bank|Battle|Bay|Bowl|Bridge|Castle|Church|City|College|Commission|Committee|Company|"
    r"Corporation|Council|County|Court|Department|District|Dynasty|East|Empire|Force|Forest|Government|Hall|House|Institute|Island|Islands|Kingdom|"
    r"Lake|Law|League|Library|Mountain|Mountains|Museum|North|Ocean|Office|Park|Party|Republic|Revolution|River|Sea|Society|South|State|States|"
    r"Street|System|Theatre|Treaty|Tower|Union|University|Valley|War|West)\b"
)
_TOO_WIDE = frozenset("africa america american asia asian earth europe european world worldwide global".split())
"""Places too large to be wrong: what lies in a country lies there, too."""
_BEFORE_NOUNS = ("a", "an", "the", "its", "their", "his", "her", "of", "in", "by", "with", "for", "from", "some", "these", "those", "such")


def negatives(draft: Draft, rng: Random, observe: Observe) -> list[str]:
    """Wrong answers from the context. First come the answers to its other questions."""
    if not draft.context:
        return [wrong for wrong in draft.rejected if not _may_be_right(wrong, draft, "")]
    translation = _translation(observe(Action("translate", draft.question), Case(draft.question, draft.chosen, draft.context)))
    if rng.random() < CUTS:
        found = [cut(rng, draft.context) for _ in range(4 * OFFERED)]
    else:
        kind = kind_of(draft.chosen)
        held = [wrong for wrong in draft.rejected if kind_of(wrong) == kind]
        formed = [
            span for span in dict.fromkeys(_formed(draft, kind)) if kind_of(span) == kind and _fits(span, draft.chosen, kind, translation)
        ]
        formed.sort(key=lambda span: rng.uniform(0.5, 2.0) * abs(len(span) - len(draft.chosen)))  # mostly nearly as long
        held = [*rng.sample(held[:4], len(held[:4])), *held[4:]]  # the first four are equally good
        found = [*held, *formed, *(draft.rejected if kind == "phrase" else ())]
    right = [wrong for wrong in dict.fromkeys(found) if not _may_be_right(wrong, draft, translation)]
    return right[:OFFERED]


def steps(view: View, rng: Random, observe: Observe) -> tuple[Step, ...]:
    """One call that translates the question, whatever its language."""
    action = Action("translate", view.case.question_text)
    return (Step(THOUGHT, action, observe(action, view.case)),)


def evidence(view: View, steps: Sequence[Step]) -> Evidence:
    """What the context's answer to the translated question says of this answer."""
    claim, translation = view.case.answer.strip(), _translation_of(steps)
    if not translation or not view.case.context or not claim:
        return Evidence("unsettled", claim)
    read = _Read.of(view.case.context, translation)
    if view.label is None:
        return _blind(claim, read)
    holding = [(sentence, reference) for reference in view.references for sentence in read.sentences if occurs(reference, sentence)]
    best = max(holding, key=lambda one: read.score(one[0]), default=None)
    if best is None or not read.near(best[0]):
        return Evidence("unsettled", claim)
    agrees = any(same_words(claim, reference) for reference in view.references)
    return Evidence("agrees" if agrees else "disagrees", claim, best[0])


def _blind(claim: str, read: "_Read") -> Evidence:
    """By overlap alone: which matches the question best, a sentence that holds the claim or one that does not."""
    holding = [sentence for sentence in read.sentences if occurs(claim, sentence)]
    others = [sentence for sentence in read.sentences if sentence not in holding]
    mine = max(holding, key=read.score, default="")
    theirs = max(others, key=read.score, default="")
    if mine and read.score(mine) > 0 and read.score(mine) >= CLEAR * read.score(theirs):
        return Evidence("agrees", claim, mine)
    if theirs and read.score(theirs) > 0 and read.score(theirs) >= CLEAR * read.score(mine):
        return Evidence("disagrees", claim, theirs)
    return Evidence("unsettled", claim)


@dataclass(frozen=True, slots=True)
class _Read:
    """The sentences of a context, and how well each matches a question."""

    sentences: tuple[str, ...]
    question: tuple[str, ...]
    weights: dict[str, float]

    @classmethod
    def of(cls, context: str, question: str) -> "_Read":
        found = sentences(context)
        return cls(found, content(question), spread(found))

    def score(self, sentence: str) -> float:
        return shared(self.question, content(sentence), self.weights)

    def near(self, sentence: str) -> bool:
        """Whether the sentence, or the one before it, shares any content with the question."""
        number = self.sentences.index(sentence)
        return any(self.score(one) > 0 for one in self.sentences[max(0, number - 1) : number + 1])


def _translation_of(steps: Sequence[Step]) -> str:
    return next((_translation(step.observation) for step in steps if step.action and step.action.tool == "translate"), "")


def _translation(observation: Observation | None) -> str:
    """The text of a successful observation, else an empty one."""
    return observation.text.strip() if observation and observation.status == "ok" else ""


def kind_of(answer: str) -> str:
    """The kind of an answer, by its form: `date`, `percent`, `money`, `amount`, `name` or `phrase`."""
    text = answer.strip()
    if re.fullmatch(rf"(?:in |the )*{_DATE}(?:(?:–|-| and | to ){_DATE})?", text):
        return "date"
    if re.match(r"[$£€¥]", text):
        return "money"
    if re.match(rf"(?:about |over |up to |more than |nearly )?{_AMOUNT}(?:[ -][a-z]+){{0,3}}$", text, re.IGNORECASE):
        return "percent" if re.search("%|percent", text) else "amount"
    telling = [word for word in re.findall(r"[^\W_][\w'’.-]*", text) if word.lower() not in STOP_WORDS]
    return "name" if telling and all(word[0].isupper() or word[0].isdigit() for word in telling) else "phrase"


def _formed(draft: Draft, kind: str) -> Iterator[str]:
    """Spans of the context that have the form of a kind."""
    context = draft.context or ""
    if kind == "date":
        yield from (found[0].strip(" ,") for found in re.finditer(_DATE, context))
    elif kind == "name":
        for sentence in sentences(context):
            for found in re.finditer(_NAME, sentence):
                tokens = found[0].split()
                name = " ".join(tokens[1:] if tokens[0].lower() in STOP_WORDS else tokens)
                # The first word of a sentence is capitalised, name or not.
                if found.start() > 2 or " " in name:
                    yield name
    elif kind == "phrase":
        yield from _noun_phrases(context, len(draft.chosen.split()))
    else:
        for found in re.finditer(_AMOUNT, context):
            after = re.match(r"(?: [a-z]+){1,2}", context[found.end() :])
            unit = (after[0].split() if after else [])[: max(0, len(draft.chosen.split()) - len(found[0].split()))]
            yield " ".join([found[0].strip(), *(word for word in unit if word not in STOP_WORDS)])


def _noun_phrases(context: str, length: int) -> Iterator[str]:
    """Words after an article or a preposition, up to the next function word or mark: nearly always noun phrases."""
    for run in re.findall(r"[^.,;:!?()\"“”\[\]—–]+", context):
        tokens = run.split()
        for start in range(1, len(tokens)):
            if tokens[start - 1].lower() not in _BEFORE_NOUNS or tokens[start].lower() in STOP_WORDS:
                continue
            end = next((end for end in range(start, len(tokens)) if tokens[end].lower() in STOP_WORDS), len(tokens))
            closed = end == len(tokens) or tokens[end].lower() in ("of", "in", "and", "for", "to")
            if closed and 1 <= end - start <= max(3, length) and tokens[end - 1][-1].isalnum():
                yield " ".join(tokens[start:end])


def _fits(span: str, chosen: str, kind: str, translation: str) -> bool:
    """Whether a span fits the question more closely than its kind alone says: a person for `who`, and so on."""
    if kind == "name":
        person = bool(re.match(r"\W*(?:who|whom|whose)\b", translation, re.IGNORECASE)) and not _NOT_PERSONS.search(chosen)
        return (
            len(span) > 2 and span not in MONTHS and not (person and (_NOT_PERSONS.search(span) or len(span.split()) < len(chosen.split())))
        )
    if kind == "date":
        return bool(re.search(_MONTH, span)) == bool(re.search(_MONTH, chosen))
    if kind == "amount":
        return span[:1].isdigit() == chosen[:1].isdigit() or len(span.split()) == len(chosen.split())
    return True


def cut(rng: Random, context: str) -> str:
    """An arbitrary run of words, like nearly all published wrong answers."""
    tokens = context.split()
    length = rng.choices(range(1, 9), (20, 37, 27, 22, 18, 10, 7, 4))[0]
    start = rng.randrange(max(1, len(tokens) - length))
    return " ".join(tokens[start : start + length])


def _may_be_right(wrong: str, draft: Draft, translation: str) -> bool:
    """Whether an answer may be right: it overlaps a right one, is next to one, or repeats the question."""
    mine = bare(wrong)
    if not mine or _TOO_WIDE.issuperset(words(wrong)):
        return True
    for right in (draft.chosen, *draft.references):
        theirs = bare(right)
        common = set(mine) & set(theirs)
        if common and (common in (set(mine), set(theirs)) or kind_of(wrong) != "phrase" or 3 * len(common) >= len(set(mine) | set(theirs))):
            return True
        if _initials(right) == wrong.replace(".", "") or _initials(wrong) == right.replace(".", ""):
            return True
    asked = {*bare(translation), *STOP_WORDS}
    if set(mine) <= asked and not set(bare(draft.chosen)) <= asked:  # repeats the question
        return True
    return bool(draft.context) and kind_of(draft.chosen) in ("name", "phrase") and _beside(wrong, draft.chosen, draft.context or "")


def _beside(wrong: str, right: str, context: str) -> bool:
    """Whether the two are close together in one sentence.

    Then one may be part of the other, or another name for it.
    """
    for sentence in sentences(context):
        one, other = place(right, sentence), place(wrong, sentence)
        if one and other and max(one[0], other[0]) - min(one[1], other[1]) < NEAR:
            return True
    return False


def _initials(name: str) -> str:
    found = "".join(word[0] for word in name.split() if word[:1].isupper())
    return found if len(found) > 1 else name


def _excerpt(sentence: str, answer: str, most: int = 16) -> str:
    """A whole sentence, or the part of a long one around the answer."""
    starts = [found.start() for found in re.finditer(r"\S+", sentence)]
    if len(starts) <= most:
        return sentence.rstrip(".")
    found = place(answer, sentence)
    middle = sum(start < found[0] for start in starts) if found else 0
    first = min(max(0, middle - most // 2), len(starts) - most)
    last = starts[first + most] if first + most < len(starts) else len(sentence)
    return f"{'... ' if first else ''}{sentence[starts[first] : last].strip(' ,;.')}{' ...' if last < len(sentence) else ''}"


_PHRASES = phrases(__package__)


def rationale(view: View, steps: Sequence[Step], seen: Evidence, rng: Random) -> str | None:
    """The verdict, the translated question, and the quoted sentence that answers it; None without such a sentence."""
    if not seen.found:
        return None
    sentence = evidence(view, steps).found or seen.found  # the whole sentence: `seen` may hold a cut one
    reference = next((reference for reference in view.references if occurs(reference, sentence)), "")
    if seen.stance == "agrees":
        verdict, said = rng.choice(_PHRASES["right"]), rng.choice(_PHRASES["said_right"])
    else:
        verdict, said = rng.choice(_PHRASES["wrong"]), rng.choice(_PHRASES["said_wrong"] if reference else _PHRASES["said_otherwise"])
    found = _excerpt(sentence, reference or seen.claim)
    claim, reference = (text.strip('"“”') for text in (seen.claim, reference))
    parts = {"translation": _excerpt(_translation_of(steps), "", 12), "found": found, "claim": claim, "reference": reference}
    asked = rng.choice(_PHRASES["asked"])
    return f"{verdict} {asked}, {said}".format(**parts)


RULE = ByRule(negatives=negatives, steps=steps, evidence=evidence)
