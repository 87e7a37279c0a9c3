"""CREAK: claims that people wrote about an entity, true and false, each with an explanation.

They give two kinds of pairs:
- The question asks what is true of an entity. A true claim is right, false ones are wrong.
- The question asks whether a claim is true. The answer is a verdict with a reason. As many "yes" are right as wrong.
  Reasons of right answers are known to be true, those of wrong ones to be false.

False claims use other words than true ones. So a share of the wrong answers are true claims about other entities,
whose words nothing known of this entity holds.

The search results on an entity are Wikipedia's introductions and the true texts of CREAK: explanations and true
claims. The claims under judgement are never among them. The reason of a right answer is, in a share of the rows, as
answers often quote the web. A pair is offered if the results support the right answer and not the wrong ones
(`agents`).

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
from themis.builder.text.reading import STOP_WORDS, content, sentences, shared, spread, words
from themis.errors import DataError
from themis.files import json_lines, text_field
from themis.phrases import phrases

FILES = ("creak/train.jsonl.gz", "creak/dev.jsonl.gz")
INTROS = "wikipedia/intros.jsonl.xz"
SHORT, LONG = 50, 240
"""Words of an observation: one result, or several in a row. Published observations have both lengths."""
MOST_SENTENCES, LONGEST_SENTENCE = 12, 50
"""Sentences from the entity's article, and from other articles that name it; words of a sentence."""
MOVED = 0.45
"""The share of drafts whose wrong answers are true claims about other entities. Their words do not give them away."""
TRIED = 40
"""Claims about other entities to try for a draft."""
QUOTED = 0.5
"""The share of claims whose reason may be quoted from the results, if no other reason is supported."""
RIVALS = 6
"""Most wrong answers of a draft."""

_PHRASES = phrases(__package__)
_YES = _PHRASES["answer_yes"]
_NO = _PHRASES["answer_no"]

_EMPTY = re.compile(
    r"\b(?:true|truth|truly|false|falsely|falsehood|fact|facts|factual|factually|claims?|statements?|sentence|entity|incorrect|correct|"
    r"incorrectly|correctly|wrong|wikipedia|google|research|researched|verified|evidence|proof|opinion|i|i'm|my|me|you|your|we|us|our|"
    r"this|that's|above|explanation|common knowledge|obvious\w*|according|actually|definitely|makes? sense|known to be|would|could|"
    r"should|might|may|maybe|probably|likely)\b",
    re.IGNORECASE,
)
"""Words about the claim instead of the entity, and words of guessing."""


_MARKUP = re.compile(r"[|{}\[\]=]")
_BOUND = re.compile(
    r"n't\b|\b(?:no|not|never|none|nothing|nobody|without|neither|nor|he|him|his|she|her|hers|they|them|their)\b", re.IGNORECASE
)
"""Words of claims that cannot be moved: denials hold of nearly every entity, and pronouns may not fit."""


@dataclass(frozen=True, slots=True)
class _Claim:
    id: str
    text: str
    reason: str
    """The writer's explanation, if it says something of the entity; else empty."""
    true: bool


@dataclass(frozen=True, slots=True)
class _Entity:
    name: str
    claims: tuple[_Claim, ...]
    articles: tuple[str, ...]
    """Sentences of Wikipedia about it."""


@dataclass(frozen=True, slots=True)
class _Right:
    """A right answer that the results support, and what is needed to make wrong ones for it."""

    draft: Draft
    entity: _Entity
    said: str
    """Its claim or reason, without a verdict."""
    wrong_form: str
    """The template of a wrong answer, with a `{reason}`."""
    results: "_Results"


class _Results:
    """What a search finds of an entity, up to one length, without the claims under judgement."""

    def __init__(self, entity: _Entity, judged: Sequence[str], most: int) -> None:
        keys = {_key(one) for one in judged}
        self.snippets = [one for one in _snippets(entity) if _key(one) not in keys]
        self._most = most
        self._written: dict[str, str] = {}

    def of(self, query: str) -> str:
        if query not in self._written:
            self._written[query] = _results_page(query, self.snippets, self._most) if self.snippets else ""
        return self._written[query]

    def stance(self, draft: Draft, answer: str) -> str:
        """Whether they support an answer."""
        said = statements(answer)
        results = self.of(query_of(draft.question, answer, draft.facts))
        return stance_of(said, results, [draft.question, draft.facts["subject"]])[0] if said and results else "unsettled"


def read_creak(root: Path, seed: int, wanted: int) -> Iterator[Draft]:
    """Questions about entities, and claims to check: as many true ones as false ones."""
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
    """A question about the entity for each true claim that the results support."""
    for claim in entity.claims:
        if claim.true:
            rng = Random(f"{seed}/creak/about/{claim.id}")
            question = rng.choice(_PHRASES["ask_for_a_fact"]).format(subject=entity.name)
            draft = _draft(f"about/{claim.id}", question, claim.text, {"subject": entity.name})
            yield from _supported(draft, entity, claim.text, "{reason}", [claim.text], rng)


def _checked(claim: _Claim, entity: _Entity, seed: int) -> Iterator[_Right]:
    """A question whether a claim is true. The answer is the verdict, with a true reason that the results support."""
    rng = Random(f"{seed}/creak/check/{claim.id}")
    asked = set(content(claim.text)) - set(content(entity.name))
    near = {other.text: len(asked & set(content(other.text))) for other in entity.claims if other.true and other.id != claim.id}
    reasons = sorted((text for text in near if near[text]), key=lambda text: -near[text] - rng.random())
    own = [claim.reason] if claim.reason else []
    form = rng.randrange(len(_YES))
    right_form, wrong_form = (_YES[form], _NO[form]) if claim.true else (_NO[form], _YES[form])
    question = rng.choice(_PHRASES["ask_whether"]).format(claim=_within(claim.text))
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
    """The right answer with results of either length, if they support it."""
    for most in rng.sample((SHORT, LONG), 2):
        results = _Results(entity, judged, most)
        if results.stance(draft, draft.chosen) == "agrees":
            yield _Right(draft, entity, said, wrong_form, results)
            return


def _with_wrong_answers(right: _Right, told: Sequence[tuple[str, str]], rng: Random) -> Iterator[Draft]:
    """The draft with wrong answers that the results do not support: of one kind, or else of the other."""
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
    """A claim with a gap for its entity's name, and that name, if the claim can be moved to another entity."""
    # A plural or a longer name leaves no gap; the claim would stay as true as it was.
    name = rf"(?<!\w){re.escape(right.entity.name)}(?!\w)"
    said = re.sub(r"[{}]", "", right.said)
    if len(re.findall(name, said)) == 1 and not _BOUND.search(said) and not re.search(rf"\b(?:an?|the) {name}", said, re.IGNORECASE):
        yield re.sub(name, "{}", said), right.entity.name


def _moved(right: _Right, told: Sequence[tuple[str, str]], rng: Random) -> Iterator[str]:
    """True claims about others, moved to this entity.

    Nothing known of it holds their words, so they are false of it.
    """
    if not any(_elsewhere(right)):
        return
    known = frozenset(found for one in (*right.results.snippets, right.draft.question, right.said) for found in content(one))
    for text, of in rng.sample(told, min(TRIED, len(told))):
        stems = set(content(text))
        if of != right.entity.name and len(stems) > 1 and len(stems & known) <= len(stems) / 4:
            yield text.format(right.entity.name)


def _results_page(query: str, snippets: Sequence[str], most: int) -> str:
    """What a search returns: the snippets nearest to the query first, as many as fit."""
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
    """The texts on an entity, each once: its introduction, explanations and true claims."""
    told = [
        *entity.articles,
        *(claim.reason for claim in entity.claims),
        *(claim.text for claim in entity.claims if claim.true),
    ]
    return tuple({_key(one): one for one in reversed(told) if len(one.split()) > 3}.values())


def _key(text: str) -> str:
    return " ".join(words(text))


def _within(claim: str) -> str:
    """A claim as part of a sentence: without its full stop, and with a first function word in lower case."""
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
    articles = _articles(root / INTROS, claims)
    for entity in sorted(claims):
        yield _Entity(_bare_name(entity), tuple(claims[entity]), tuple(articles[entity]))


def _tells(reason: str, entity: str) -> bool:
    """Whether a reason is a whole sentence about the entity, and not about the claim."""
    told = words(reason)
    if not _is_plain(reason) or not reason[0].isupper():
        return False
    return bool(set(content(entity)) & set(content(reason))) or told[0] in ("he", "she", "it", "they", "his", "her", "its", "their")


def _is_plain(claim: str) -> bool:
    """Whether a claim is one sentence of moderate length about the world, not about its writer, and not shouted."""
    shouted = sum(len(word) > 2 and word.isupper() for word in claim.split())
    return 5 <= len(claim.split()) <= 30 and len(sentences(claim)) == 1 and not _EMPTY.search(claim) and shouted < 3


def _tidy(text: str) -> str:
    """One line that ends with a full stop."""
    text = " ".join(text.split())
    return text if text[-1:] in ".!?\"'" else text + "."


def _articles(file: Path, entities: Collection[str]) -> dict[str, list[str]]:
    """Sentences of Wikipedia's introductions on each entity: first its own article's, then others that name it."""
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
    """Runs of two or more words, each of which may be an entity's name. Longer names are rarely ambiguous."""
    tokens = [token.strip(".,;:!?()\"'") for token in sentence.split()]
    for start in range(len(tokens)):
        for end in range(start + 2, min(start + longest, len(tokens)) + 1):
            yield " ".join(tokens[start:end])


def _bare_name(entity: str) -> str:
    """A title without its qualifier in brackets, as in `Gone with the Wind (film)`."""
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
