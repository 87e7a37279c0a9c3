"""Short exercises for a model trained from scratch: copying an argument, and matching a claim with a finding.

A small model lacks copying most. It learns to copy within minutes if it learns nothing else. But it copies only
tokens that it has copied before, so many items are drawn from the whole vocabulary.
"""

from collections.abc import Sequence
from random import Random

from themis.builder.text import names
from themis.losses import TARGET_KINDS
from themis.traces.segments import SegmentWriter
from themis.traces.token_row import NO_TARGET, TokenPair, TokenRow

_COMMON = "who what when where which how is was are were did does do has the a an of in on to by for with that".split()
"""Words of a question that the query made from it lacks."""

_SCRIPTS = (
    range(0x0905, 0x094E),  # Devanagari
    range(0x0621, 0x064B),  # Arabic
    range(0x0430, 0x0450),  # Cyrillic
    range(0x0E01, 0x0E3B),  # Thai
    range(0x4E00, 0x9FA6),  # Chinese
    (*range(0x61, 0x7B), *range(0xE0, 0x100), *range(0x1EA0, 0x1EFA)),  # Latin with marks
)

_ACTION, _RATIONALE = (TARGET_KINDS.index(kind) for kind in ("action", "rationale"))


class Drills:
    """Both kinds of drill, as a run in steps is handed them."""

    def copy(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenRow:
        """See `copy_drill`."""
        return copy_drill(rng, writer, vocabulary)

    def match(self, rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenPair:
        """See `match_drill`."""
        return match_drill(rng, writer, vocabulary)


def copy_drill(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenRow:
    """A line of items, then the same or its essential part as an action's argument; only the argument is a target."""
    often = (_random_tokens, _queries, _scripts, _places, _dates)
    makers = (*often, *often, *[_marks] * 5)
    items, wanted = rng.choice(makers)(rng, writer, vocabulary)
    opening = writer.encode_untrusted("### USER:\nQuestion:")
    middle = writer.encode_untrusted("\n### ASSISTANT:\n")
    call = [writer.tool_id, *writer.encode_untrusted("Thought: I need to copy this.\nAction: copy\nAction Input:")]
    targets = [*wanted, *writer.encode_untrusted("\n")]
    before = [*opening, *items, *middle, *call]
    return TokenRow([*before, *targets], [NO_TARGET] * len(before) + [_ACTION] * len(targets), 0, 0)


def match_drill(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> TokenPair:
    """A pair of answers, one of which repeats what the observation says under the name in the question.

    Copying trains the language-model head; this trains the scalar head to see whether an answer agrees with one value
    among several. The rationale that follows names both: first the verdict, then the claim, then the finding.
    """
    labels = [_few_tokens(rng, vocabulary, 2) for _ in range(rng.randint(1, 4))]
    values = [_value(rng, writer, vocabulary) for _ in labels]
    asked = rng.randrange(len(labels))
    right = values[asked]
    others = [value for value in values if value != right]
    wrong = rng.choice(others) if others and rng.random() < 0.3 else _altered(rng, right, vocabulary)
    colon, semicolon, end = (writer.encode_untrusted(text) for text in (":", ";", "\n"))
    listed = [token for name, value in zip(labels, values, strict=True) for token in (*name, *colon, *value, *semicolon)]
    opening = [*writer.encode_untrusted("### USER:\nQuestion:"), *labels[asked], *writer.encode_untrusted("\nAnswer:")]
    call = [*writer.encode_untrusted("\n### ASSISTANT:\n"), writer.tool_id]
    observed = [writer.observation_id, *writer.encode_untrusted("Observation:"), *listed, *end, writer.rationale_id]

    # Some rationales say the opposite. They are not targets, and the final reward learns not to trust them.
    mistaken = rng.random() < 0.25

    def judged(value: list[int]) -> TokenRow:
        verdict = "right" if (value is right) != mistaken else "wrong"
        read = [*opening, *value, *call, *observed]
        parts = (f"Rationale: The answer is {verdict}: it says", value, ", the tool found", right, ".\n")
        written = [token for part in parts for token in (writer.encode_untrusted(part) if isinstance(part, str) else part)]
        ids = [*read, *written, writer.reward_id]
        kinds = [NO_TARGET] * len(read) + [NO_TARGET if mistaken else _RATIONALE] * (len(written) + 1)
        return TokenRow(ids, kinds, len(read) - 1, len(ids) - 1)

    return TokenPair(judged(right), judged(wrong))


def _few_tokens(rng: Random, vocabulary: Sequence[int], most: int) -> list[int]:
    return [rng.choice(vocabulary) for _ in range(rng.randint(1, most))]


def _value(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> list[int]:
    """A few tokens of the whole vocabulary, a number with its unit, or a date."""
    kind = rng.random()
    if kind < 0.4:
        return _few_tokens(rng, vocabulary, 4)
    if kind < 0.8:
        number = rng.choice((f"{rng.uniform(0, 60):.1f}", str(rng.randint(0, 9999))))
        return writer.encode_untrusted(f" {number}{rng.choice(('(C)', '(mm)', '(kph)', '(km)', '', ''))}")
    return writer.encode_untrusted(_date(rng))


def _altered(rng: Random, value: list[int], vocabulary: Sequence[int]) -> list[int]:
    """The value with one to three of its tokens replaced by others."""
    altered = list(value)
    for place in rng.sample(range(len(value)), min(len(value), rng.randint(1, 3))):
        altered[place] = rng.choice(vocabulary)
    return altered if altered != value else [rng.choice([token for token in vocabulary if token != value[0]]), *value[1:]]


def _date(rng: Random) -> str:
    return f" {rng.randint(1900, 2099)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def _random_tokens(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    del writer
    items = [rng.choice(vocabulary) for _ in range(rng.randint(3, 32))]
    return items, items


def _queries(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """A question, and the words of it that a search looks for: all but those that any question has."""
    wanted = [_few_tokens(rng, vocabulary, 4) for _ in range(rng.randint(1, 8))]
    items: list[int] = []
    for word in wanted:
        items += [token for common in rng.sample(_COMMON, rng.choice((0, 0, 1, 2))) for token in writer.encode_untrusted(" " + common)]
        items += word
    return items + writer.encode_untrusted(rng.choice(("?", "", " in", " of"))), [token for word in wanted for token in word]


def _scripts(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """Words in another script, which a small vocabulary spells in bytes. All letters begin with the same bytes."""
    letters = rng.choice(_SCRIPTS)
    words = ["".join(chr(rng.choice(letters)) for _ in range(rng.randint(1, 8))) for _ in range(rng.randint(1, 9))]
    noise = _few_tokens(rng, vocabulary, 12) if rng.random() < 0.5 else []
    text = writer.encode_untrusted(" " + " ".join(words) + rng.choice(("?", "", "\u061f", "\uff1f")))
    return [*noise, *text], text


def _places(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """A place is asked for among other words, as in a question about the weather."""
    name = writer.encode_untrusted(" " + names.city(rng)) if rng.random() < 0.5 else _few_tokens(rng, vocabulary, 9)
    day = writer.encode_untrusted(_date(rng))
    noise = [rng.choice(vocabulary) for _ in range(rng.randint(0, 8))]
    comma = writer.encode_untrusted(",")
    return [*noise, *writer.encode_untrusted(" in"), *name, *writer.encode_untrusted(" on"), *day], [*name, *comma, *day]


def _dates(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """Two dates, or a date and a number, among other words; the argument has both."""
    wanted = [_date(rng), _date(rng)]
    if rng.random() < 0.4:
        wanted[1] = f" {rng.randint(1, 10 ** rng.randint(1, 4))}"
    encoded = [writer.encode_untrusted(part) for part in wanted]
    noise = [_few_tokens(rng, vocabulary, 8) for _ in range(3)]
    first, second = rng.sample(encoded, 2) if len(wanted[1]) < 8 else encoded
    return [*noise[0], *first, *noise[1], *second, *noise[2]], [*encoded[0], *writer.encode_untrusted(","), *encoded[1]]


def _marks(rng: Random, writer: SegmentWriter, vocabulary: Sequence[int]) -> tuple[list[int], list[int]]:
    """Marked steps among other words; the argument lists them, as the calculator's does.

    From easy to hard, all from the start: a bare list, single words between, and lines that state each sum twice.
    """
    most = rng.choice((0, 0, 1, 2, 4, 8))
    said_twice = most > 0 and rng.random() < 0.6
    items: list[int] = []
    marks: list[str] = []
    left: str | None = None
    for _ in range(rng.randint(1, 8)):
        expression, value = _random_step(rng, left)
        # The full stop of a sentence counts as part of a whole number, as in the published arguments.
        stop = "." if most and rng.random() < 0.1 else ""
        marks.append(f"<<{expression}={value}>>{value}" + ("" if "." in value else stop))
        said = f" {rng.choice((expression, _spaced(expression)))} =" if said_twice else ""
        opening = rng.choice((" ", " ", " $")) if most else " "
        items += [rng.choice(vocabulary) for _ in range(rng.randint(0, most))]
        items += writer.encode_untrusted(said + opening + marks[-1] + (rng.choice(("\n", " ")) if most else ","))
        left = value if rng.random() < 0.5 else None
    return items, writer.encode_untrusted(" " + ", ".join(marks))


def _random_step(rng: Random, left: str | None = None) -> tuple[str, str]:
    """A random expression with a value, not always the right one; `left` is its first number."""
    numbers = [left or str(rng.randint(1, 10 ** rng.randint(1, 4)))]
    numbers += [
        str(rng.randint(1, 10 ** rng.randint(1, 4)) / rng.choice((1, 1, 1, 1, 1, 10))).removesuffix(".0")
        for _ in range(rng.choice((1, 1, 1, 2)))
    ]
    expression = numbers[0] + "".join(rng.choice("+-*/") + number for number in numbers[1:])
    if len(numbers) > 2 and rng.random() < 0.4:
        expression = f"({numbers[0]}{rng.choice('+-')}{numbers[1]}){rng.choice('*/')}{numbers[2]}"
    value = str(rng.randint(1, 10 ** rng.randint(1, 5)) / rng.choice((1, 1, 1, 2, 4, 10))).removesuffix(".0")
    return expression, value


def _spaced(expression: str) -> str:
    for operator in "+-*/":
        expression = expression.replace(operator, f" {operator} ")
    return expression
