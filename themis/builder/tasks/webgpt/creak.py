"""CREAK: claims that people wrote about an entity, true and false ones, each with a word on why.

Two kinds of pairs come of them. In one a true claim stands against false ones about the same entity, as answers to
what is true of it; in the other somebody asks whether a claim is true, and the answers give a verdict with a reason: as many
"yes" are right as are wrong, and right reasons are what people know to be true, wrong ones what they know to be false.
False claims are written in other words than true ones, so a share of the wrong answers are true claims about other entities,
where nothing known of this one has their words.
What a search finds of an entity is what Wikipedia's introductions say of it, and what CREAK's people wrote of it that is true:
why claims hold or fail, and other true claims. The claims under judgement are never among it, and the reason of a right answer
in a share of the rows only, as answers often quote the web. A pair is offered where these results support the right answer and
not the wrong ones (`themis.builder.tasks.webgpt.agents`).
Source: Onoe et al., arXiv:2109.01653.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random

from themis.builder.draft import Draft, Source
from themis.builder.tasks.webgpt.agents import query_of, stance_of, statements
from themis.builder.text.phrases import phrases
from themis.builder.text.reading import STOP_WORDS, content, sentences, shared, spread, words
from themis.errors import DataError
from themis.files import json_lines, text_field

FILES = ("creak/train.jsonl.gz", "creak/dev.jsonl.gz")
INTROS = "wikipedia/intros.jsonl.xz"
SHORT, LONG = 50, 240
"""Words of an observation: one result that answers, or several in a row. Published ones are of both lengths."""
MOST_SENTENCES, LONGEST_SENTENCE = 12, 50
"""Of an article on an entity, and as many of other articles that name it; words of one."""
MOVED = 0.45
"""The share of drafts whose wrong answers are true claims about others: in those the words tell nothing of what is right."""
TRIED = 40
"""Claims about others that are looked at for a draft."""
QUOTED = 0.5
"""The share of claims that may be answered with a reason that the results hold word for word, where no other is supported."""
RIVALS = 6
"""Wrong answers of a draft at most."""

_PHRASES = phrases(__package__)
ABOUT = _PHRASES["ask_for_a_fact"]
ASKED = _PHRASES["ask_whether"]
_YES = _PHRASES["answer_yes"]
_NO = _PHRASES["answer_no"]

_EMPTY = re.compile(
    r"\b(?:true|truth|truly|false|falsely|falsehood|fact|facts|factual|factually|claims?|statements?|sentence|entity|incorrect|correct|"
    r"incorrectly|correctly|wrong|wikipedia|google|research|researched|verified|evidence|proof|opinion|i|i'm|my|me|you|your|we|us|our|"
    r"this|that's|above|explanation|common knowledge|obvious\w*|according|actually|definitely|makes? sense|known to be|would|could|"
    r"should|might|may|maybe|probably|likely)\b",
    re.IGNORECASE,
)
"""What speaks of the claim, not of the entity, and what is no more than a guess."""


_MARKUP = re.compile(r"[|{}\[\]=]")
_BOUND = re.compile(
    r"n't\b|\b(?:no|not|never|none|nothing|nobody|without|neither|nor|he|him|his|she|her|hers|they|them|their)\b", re.IGNORECASE
)
"""What can't be said of another entity: a denial would be true of nearly everything, and not everybody is a woman."""


@dataclass(frozen=True, slots=True)
class _Claim:
    id: str
    text: str
    reason: str
    """What its writer says on why it holds or fails, where that says something of the entity; else empty."""
    true: bool


@dataclass(frozen=True, slots=True)
class _Entity:
    name: str
    claims: tuple[_Claim, ...]
    articles: tuple[str, ...]
    """Sentences of Wikipedia that speak of it."""


@dataclass(frozen=True, slots=True)
class _Right:
    """A right answer that the results support, and what it takes to make wrong ones for it."""

    draft: Draft
    entity: _Entity
    said: str
    """Its claim or reason, without a verdict."""
    wrong_form: str
    """The words of a wrong answer around its `{reason}`."""
    results: "_Results"


class _Results:
    """What a search finds of an entity, of one length; the claims under judgement are not among it."""

    def __init__(self, entity: _Entity, judged: Sequence[str], most: int) -> None:
        keys = {_key(one) for one in judged}
        self.snippets = [one for one in _snippets(entity) if _key(one) not in keys]
        self._most = most
        self._written: dict[str, str] = {}

    def of(self, query: str) -> str:
        if query not in self._written:
            self._written[query] = _written(query, self.snippets, self._most) if self.snippets else ""
        return self._written[query]

    def stance(self, draft: Draft, answer: str) -> str:
        """What they say of an answer."""
        said = statements(answer)
        results = self.of(query_of(draft.question, answer, draft.facts))
        return stance_of(said, results, [draft.question, draft.facts["subject"]])[0] if said and results else "unsettled"


def read_creak(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """True claims against wrong ones, and as many claims to check that hold as claims that fail."""
    entities = list(_entities(root))
    about = [right for entity in entities for right in _about(entity, seed)]
    checked = {
        true: [right for entity in entities for claim in entity.claims if claim.true == true for right in _checked(claim, entity, seed)]
        for true in (True, False)
    }
    rng = Random(f"{seed}/creak")
    for some in checked.values():
        rng.shuffle(some)
    rights = [*about, *(right for both in zip(checked[True], checked[False], strict=False) for right in both)]
    rng.shuffle(rights)
    told = list(dict.fromkeys(found for right in rights for found in _elsewhere(right)))
    drafts = (draft for right in rights for draft in _with_wrong_answers(right, told, Random(f"{seed}/{right.draft.id}")))
    for _, draft in zip(range(wanted), drafts, strict=False):
        yield draft


def _about(entity: _Entity, seed: int) -> Iterator[_Right]:
    """Each true claim that the results support."""
    for claim in entity.claims:
        if claim.true:
            rng = Random(f"{seed}/creak/about/{claim.id}")
            question = rng.choice(ABOUT).format(subject=entity.name)
            draft = _draft(f"about/{claim.id}", question, claim.text, {"subject": entity.name})
            yield from _supported(draft, entity, claim.text, "{reason}", [claim.text], rng)


def _checked(claim: _Claim, entity: _Entity, seed: int) -> Iterator[_Right]:
    """A claim as a question, answered by the verdict with a reason that people know to be true and that the results support."""
    rng = Random(f"{seed}/creak/check/{claim.id}")
    asked = set(content(claim.text)) - set(content(entity.name))
    near = {other.text: len(asked & set(content(other.text))) for other in entity.claims if other.true and other.id != claim.id}
    reasons = sorted((text for text in near if near[text]), key=lambda text: -near[text] - rng.random())
    own = [claim.reason] if claim.reason else []
    form = rng.randrange(len(_YES))
    right_form, wrong_form = (_YES[form], _NO[form]) if claim.true else (_NO[form], _YES[form])
    question = rng.choice(ASKED).format(claim=_within(claim.text))
    facts = {"subject": entity.name, "claim": claim.text}
    quoted = own if rng.random() < QUOTED else []
    for reason, judged in [*((one, [one, claim.text]) for one in (*own, *reasons)), *((one, [claim.text]) for one in quoted)]:
        draft = _draft(f"check/{claim.id}", question, right_form.format(reason=reason), facts)
        if found := list(_supported(draft, entity, reason, wrong_form, judged, rng)):
            yield from found
            return


def _draft(name: str, question: str, chosen: str, facts: dict[str, str]) -> Draft:
    group = f"creak/{facts['subject']}"
    return Draft(id=f"creak/{name}", task="webgpt", source="creak", question=question, chosen=chosen, facts=facts, group=group)


def _supported(draft: Draft, entity: _Entity, said: str, wrong_form: str, judged: Sequence[str], rng: Random) -> Iterator[_Right]:
    """The right answer with results of one length or the other, where they support it; else nothing."""
    for most in rng.sample((SHORT, LONG), 2):
        results = _Results(entity, judged, most)
        if results.stance(draft, draft.chosen) == "agrees":
            yield _Right(draft, entity, said, wrong_form, results)
            return


def _with_wrong_answers(right: _Right, told: Sequence[tuple[str, str]], rng: Random) -> Iterator[Draft]:
    """The draft with wrong answers that the results do not support: of one kind, or of the other where there are none; else nothing."""
    false = [claim.text for claim in right.entity.claims if not claim.true and claim.text != right.draft.facts.get("claim")]
    kinds = [list(_moved(right, told, rng)), rng.sample(false, len(false))]
    for kind in kinds if rng.random() < MOVED else reversed(kinds):
        answers = [right.wrong_form.format(reason=reason) for reason in kind]
        wrong = [answer for answer in answers if right.results.stance(right.draft, answer) == "disagrees"][:RIVALS]
        if wrong:
            queries = dict.fromkeys(query_of(right.draft.question, answer, right.draft.facts) for answer in (right.draft.chosen, *wrong))
            recorded = tuple(("google_serper", query, right.results.of(query)) for query in queries)
            yield replace(right.draft, rejected=tuple(wrong), recorded=recorded)
            return


def _elsewhere(right: _Right) -> Iterator[tuple[str, str]]:
    """What is said, with a gap for the name, and of whom: where it could be said of another entity, too, if not truly."""
    # A plural or a longer name leaves no gap; what is then said would be as true as before.
    name = rf"(?<!\w){re.escape(right.entity.name)}(?!\w)"
    said = re.sub(r"[{}]", "", right.said)
    if len(re.findall(name, said)) == 1 and not _BOUND.search(said) and not re.search(rf"\b(?:an?|the) {name}", said, re.IGNORECASE):
        yield re.sub(name, "{}", said), right.entity.name


def _moved(right: _Right, told: Sequence[tuple[str, str]], rng: Random) -> Iterator[str]:
    """What is true of others, said of this entity, where nothing that is known of it has those words: so it is surely not true of it."""
    if not any(_elsewhere(right)):
        return
    known = frozenset(found for one in (*right.results.snippets, right.draft.question, right.said) for found in content(one))
    for text, of in rng.sample(told, min(TRIED, len(told))):
        stems = set(content(text))
        if of != right.entity.name and len(stems) > 1 and len(stems & known) <= len(stems) / 4:
            yield text.format(right.entity.name)


def _written(query: str, snippets: Sequence[str], most: int) -> str:
    """What a search writes: the snippets nearest to the query first, as many as there is room for."""
    weights, asked = spread(snippets), content(query)
    taken: list[str] = []
    room = most
    for snippet in sorted(snippets, key=lambda one: -shared(asked, content(one), weights)):
        if not taken or len(snippet.split()) <= room:
            taken.append(snippet)
            room -= len(snippet.split())
    return " ".join(taken)


@lru_cache(maxsize=4)
def _snippets(entity: _Entity) -> tuple[str, ...]:
    """What is told of an entity: its introduction, why claims hold or fail, and true claims; nothing twice."""
    told = [
        *entity.articles,
        *(claim.reason for claim in entity.claims),
        *(claim.text for claim in entity.claims if claim.true),
    ]
    return tuple({_key(one): one for one in reversed(told) if len(one.split()) > 3}.values())


def _key(text: str) -> str:
    return " ".join(words(text))


def _within(claim: str) -> str:
    """A claim as a part of a sentence: without its full stop, and where it opens with a small word, without that capital."""
    claim = claim.rstrip(".!? ")
    return claim[0].lower() + claim[1:] if claim.split()[0].lower() in STOP_WORDS else claim


def _entities(root: Path) -> Iterator[_Entity]:
    claims: dict[str, list[_Claim]] = defaultdict(list)
    for name in FILES:
        for number, row in json_lines(root / name):
            place = f"{root / name}, line {number}"
            label = text_field(row, "label", place)
            if label not in ("true", "false"):
                raise DataError(f"{place}: field 'label' must be 'true' or 'false', found '{label[:30]}'")
            text, reason = _tidy(text_field(row, "sentence", place)), _tidy(text_field(row, "explanation", place))
            entity = text_field(row, "entity", place)
            told = reason if _tells(reason, entity) else ""
            if _is_plain(text) and set(content(text)) & set(content(_bare_name(entity))):
                claims[entity].append(_Claim(text_field(row, "ex_id", place), text, told, label == "true"))
    articles = _articles(root / INTROS, frozenset(claims))
    for entity in sorted(claims):
        yield _Entity(_bare_name(entity), tuple(claims[entity]), tuple(articles[entity]))


def _tells(reason: str, entity: str) -> bool:
    """Whether a reason says something of the entity in a whole sentence, and nothing of the claim itself."""
    told = words(reason)
    if not _is_plain(reason) or not reason[0].isupper():
        return False
    return bool(set(content(entity)) & set(content(reason))) or told[0] in ("he", "she", "it", "they", "his", "her", "its", "their")


def _is_plain(claim: str) -> bool:
    """Whether a claim is one sentence of some words about the world, not about its writer, and not shouted."""
    shouted = sum(len(word) > 2 and word.isupper() for word in claim.split())
    return 5 <= len(claim.split()) <= 30 and len(sentences(claim)) == 1 and not _EMPTY.search(claim) and shouted < 3


def _tidy(text: str) -> str:
    """One line that ends with a full stop."""
    text = " ".join(text.split())
    return text if text[-1:] in ".!?\"'" else text + "."


def _articles(file: Path, entities: Collection[str]) -> dict[str, list[str]]:
    """What Wikipedia's introductions say of each entity: its own article first, then the sentences of others that name it."""
    own: dict[str, list[str]] = {}
    naming: dict[str, list[str]] = defaultdict(list)
    names = {_bare_name(entity): entity for entity in entities}
    longest = max((len(name.split()) for name in names), default=0)
    for number, row in json_lines(file):
        place = f"{file}, line {number}"
        title, text = text_field(row, "title", place), text_field(row, "text", place).split("\n\n\n")[0]
        told = [
            one
            for one in sentences(" ".join(text.replace("_", "").split()))
            if 4 < len(one.split()) <= LONGEST_SENTENCE and not _MARKUP.search(one)
        ]
        if title in entities:
            own[title] = told[:MOST_SENTENCES]
        for sentence in told:
            for entity in {names[name] for name in _runs(sentence, longest) if name in names} - {title}:
                if len(naming[entity]) < MOST_SENTENCES:
                    naming[entity].append(sentence)
    return {entity: [*own.get(entity, []), *naming.get(entity, [])] for entity in entities}


def _runs(sentence: str, longest: int) -> Iterator[str]:
    """Runs of words that may be a name of several words: such a name is hardly anything else."""
    tokens = [token.strip(".,;:!?()\"'") for token in sentence.split()]
    for start in range(len(tokens)):
        for end in range(start + 2, min(start + longest, len(tokens)) + 1):
            yield " ".join(tokens[start:end])


def _bare_name(entity: str) -> str:
    """A title without what tells it from others: `Gone with the Wind (film)`."""
    return re.sub(r" \(.*\)$", "", entity)


SOURCES = (
    Source(
        name="creak",
        task="webgpt",
        licence="MIT; CREAK by Onoe, Zhang, Choi and Durrett; introductions from Wikipedia, CC BY-SA",
        read=read_creak,
        files=(*FILES, INTROS),
    ),
)
