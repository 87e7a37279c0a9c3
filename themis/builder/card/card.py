"""The dataset card of a build: README.md with the Hub's front matter, and its plots.

All texts of rows are untrusted. They are fenced so that they cannot close the fence, or escaped in tables, and long
ones are cut. Equal builds give equal bytes.

Knows nothing of how a set is built.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from themis.builder.draft import Source
from themis.builder.quality.audit import MOST_BY_RULE, MOST_BY_WORDS, Audit, Share, audit_all
from themis.builder.quality.filters import FILTERS, NAMES, Row, Sifted
from themis.builder.quality.surface_cues import RULES
from themis.phrases import document
from themis.traces import Side

SPLITS = ("train", "test")
EXAMPLES = 3
MOST_LETTERS = 600
"""Characters of a question, an answer, an argument or an observation in an example."""
MOST_IN_TABLE = 160
LANGUAGES = {"xquad": ("ar", "de", "es", "hi", "ru", "th", "tr", "vi", "zh")}
"""The languages of questions besides English, by source."""

_TEXTS = document(__package__, "card.yaml")
_NOT_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]#|~$@]|:(?=//))")


@dataclass(frozen=True, slots=True)
class Card:
    """What the card says of a build."""

    name: str
    command: str
    """The command that builds the same set."""
    seed: int
    setting: str
    """`hindsight` or `blind`."""
    agents: str
    """`by_rule`, or the language model's name."""
    rows: Mapping[str, Mapping[str, Sequence[Row]]]
    """By task and split."""
    sources: Mapping[str, Source]
    sifted: Sifted
    left_out: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Drafts that no agent worked on, by task and reason, such as near-duplicates."""
    published: Mapping[str, Audit] = field(default_factory=dict)
    """The audit of published TARA, for comparison."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """By task: why a surface cue cannot be balanced."""


def card_files(card: Card) -> dict[str, bytes]:
    """The card and its plots, by their paths in the data set's folder."""
    from themis.builder.card.plots import audit_plot, counts_plot, lengths_plot

    pairs = {task: [row.pair for split in SPLITS for row in splits.get(split, ())] for task, splits in card.rows.items()}
    pairs = {task: found for task, found in pairs.items() if found}
    audits = audit_all(pairs)
    plots: dict[str, bytes] = {}
    if pairs:
        plots["plots/counts.png"] = counts_plot({task: {split: len(some) for split, some in card.rows[task].items()} for task in pairs})
        plots["plots/lengths.png"] = lengths_plot(pairs)
        plots["plots/audit.png"] = audit_plot(audits, card.published)
    return {"README.md": card_text(card, audits).encode("utf-8", "replace"), **plots}


def card_text(card: Card, audits: Mapping[str, Audit]) -> str:
    """README.md."""
    parts = [
        _front_matter(card),
        _opening(card),
        _counts(card),
        _TEXTS["columns"],
        _making(card),
        _audit(card, audits),
        _left_out(card),
        _filtered(card),
        _examples(card),
        _licences(card),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


# --- parts -----------------------------------------------------------------------------------------


def _front_matter(card: Card) -> str:
    total = sum(len(some) for splits in card.rows.values() for some in splits.values())
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for most, name in sizes if total < most), "n>1M")
    used = {row.draft.source for row in _all_rows(card)}
    languages = ["en", *sorted({language for source in used for language in LANGUAGES.get(source, ())})]
    lines = [
        "---",
        f"pretty_name: {_yaml(card.name)}",
        "license: other",
        "license_name: licences-of-the-sources",
        "license_link: '#licences'",
    ]
    lines += ["language:", *(f"- {language}" for language in languages)]
    lines += ["task_categories:", "- question-answering", "- text-classification", "size_categories:", f"- {size}"]
    lines += ["tags:", *(f"- {tag}" for tag in ("preference", "reward-model", "rlhf", "tool-use", "trl"))]
    filled = {split: [task for task, splits in card.rows.items() if splits.get(split)] for split in SPLITS}
    lines += ["configs:", "- config_name: default", "  data_files:"]
    lines += [line for split in SPLITS if filled[split] for line in (f"  - split: {split}", f"    path: data/*/{split}.parquet")]
    for task, splits in card.rows.items():
        if any(splits.values()):
            lines += [f"- config_name: {task}", "  data_files:"]
            lines += [
                line for split in SPLITS if splits.get(split) for line in (f"  - split: {split}", f"    path: data/{task}/{split}.parquet")
            ]
    return "\n".join([*lines, "---"])


def _opening(card: Card) -> str:
    train, test = (sum(len(splits.get(split, ())) for splits in card.rows.values()) for split in SPLITS)
    return str(_TEXTS["opening"]).format(name=inline(card.name), train=train, test=test, tasks=len(card.rows))


def _counts(card: Card) -> str:
    lines = ["## Counts", "", "| task | source | training | test |", "|---|---|--:|--:|"]
    for task, splits in card.rows.items():
        by_source = {split: Counter(row.draft.source for row in splits.get(split, ())) for split in SPLITS}
        names = sorted(set(by_source["train"]) | set(by_source["test"]))
        lines += [f"| {task} | {cell(name)} | {by_source['train'][name]:,} | {by_source['test'][name]:,} |" for name in names]
        if len(names) != 1:
            lines.append(f"| **{task}** | all | **{len(splits.get('train', ())):,}** | **{len(splits.get('test', ())):,}** |")
    return "\n".join([*lines, "", "![Rows by task](plots/counts.png)", "", "![Lengths of right and wrong answers](plots/lengths.png)"])


def _making(card: Card) -> str:
    saw = _TEXTS[card.setting] if card.setting in ("hindsight", "blind") else inline(card.setting)
    by_whom = _TEXTS["by_rule"] if card.agents == "by_rule" else _TEXTS["by_model"].format(model=inline(card.agents))
    return str(_TEXTS["making"]).format(saw=saw, by_whom=by_whom, seed=card.seed, command=fenced(card.command))


def _audit(card: Card, audits: Mapping[str, Audit]) -> str:
    if not audits:
        return ""
    lines = [
        _TEXTS["audit"].format(by_rule=100 * MOST_BY_RULE, by_words=100 * MOST_BY_WORDS),
        "",
        f"| task | set | pairs | {' | '.join(RULES)} | words, single | words, pairs |",
        f"|---|---|--:|{'--:|' * (len(RULES) + 2)}",
    ]
    for task, found in audits.items():
        lines.append(_audit_line(task, "this", found, bold=True))
        if task in card.published:
            lines.append(_audit_line("", "published", card.published[task], bold=False))
    lines += ["", "![What looks tell](plots/audit.png)", "", *_exceedances(card, audits)]
    return "\n".join(lines)


def _audit_line(task: str, name: str, found: Audit, *, bold: bool) -> str:
    shares = [*found.rules, found.words_single, found.words_pairs]
    over = {share.rule for share in found.exceeded}
    cells = [_percent(share, marked=bold and share.rule in over) for share in shares]
    return f"| {task} | {name} | {found.pairs:,} | {' | '.join(cells)} |"


def _percent(share: Share, *, marked: bool) -> str:
    low, high = share.interval
    text = f"{100 * share.share:.1f} ({100 * low:.1f}-{100 * high:.1f})"
    return f"**{text}**" if marked else text


def _exceedances(card: Card, audits: Mapping[str, Audit]) -> list[str]:
    """One sentence for each bound that is exceeded, or one that none is."""
    lines: list[str] = []
    for task, found in audits.items():
        for share in found.exceeded:
            told = f"*{task}* passes the bound on {share.rule} ({share.reading}): {100 * share.share:.1f} % of {share.of:,}."
            lines.append(f"- {told} {card.reasons.get(task, 'The recipe gives no reason why this could not be helped.')}")
    return lines or ["No task passes a bound."]


def _left_out(card: Card) -> str:
    lines = [_TEXTS["left_out"], ""]
    if not card.left_out:
        return "\n".join([*lines, "None."])
    tasks = [task for task in card.rows if any(of == task for of, _ in card.left_out)]
    reasons = sorted({reason for _, reason in card.left_out})
    lines += [f"| reason | {' | '.join(tasks)} | all |", f"|---|{'--:|' * (len(tasks) + 1)}"]
    for reason in reasons:
        counts = [card.left_out.get((task, reason), 0) for task in tasks]
        lines.append(f"| {cell(reason)} | {' | '.join(f'{count:,}' for count in counts)} | {sum(counts):,} |")
    return "\n".join(lines)


def _filtered(card: Card) -> str:
    sifted = card.sifted
    names = [*NAMES, *sorted({name for name, _ in sifted.counts} - set(NAMES))]
    tasks = [task for task in card.rows if any(of == task for _, of in sifted.counts)]
    lines = [_TEXTS["filters"], ""]
    lines += [f"| filter | {' | '.join([*tasks, 'all'])} |", f"|---|{'--:|' * (len(tasks) + 1)}"]
    for name in names:
        counts = [sifted.counts[name, task] for task in tasks]
        lines.append(f"| {cell(name)} | {' | '.join(f'{count:,}' for count in [*counts, sum(counts)])} |")
    for name in names:
        if examples := sifted.examples.get(name):
            about = (FILTERS[name].__doc__ or "").splitlines()[0] if name in FILTERS else ""
            lines += ["", f"**{cell(name)}**{': ' + about if about else ''}", "", "| id | question | what was found |", "|---|---|---|"]
            lines += [f"| {cell(one.id)} | {cell(one.question)} | {cell(one.detail)} |" for one in examples]
    return "\n".join(lines)


def _examples(card: Card) -> str:
    lines = ["## Examples"]
    for task, splits in card.rows.items():
        rows = list(splits.get("train", ())) or list(splits.get("test", ()))
        # Spread over the rows, so that they come from several sources.
        shown = [rows[place * len(rows) // EXAMPLES] for place in range(min(EXAMPLES, len(rows)))]
        if shown:
            lines += ["", f"### {task}"]
        for row in shown:
            lines += ["", fenced(_example(row))]
    return "\n".join(lines) if len(lines) > 1 else ""


def _licences(card: Card) -> str:
    used = sorted({row.draft.source for row in _all_rows(card)})
    lines = ["## Licences", "", "The rows of a source are under that source's licence.", "", "| source | task | licence |", "|---|---|---|"]
    for name in used:
        source = card.sources.get(name)
        lines.append(
            f"| {cell(name)} | {source.task if source else ''} | {cell(source.licence, most=400) if source else 'as its owner says'} |"
        )
    return "\n".join(lines)


def _example(row: Row) -> str:
    pair = row.pair
    lines = [f"id: {pair.id}", *([f"context: {cut(pair.context)}"] if pair.context else []), f"question: {cut(pair.question)}"]
    lines += [f"test: {cut(test, MOST_IN_TABLE)}" for test in pair.tests[:EXAMPLES]]
    for name, side in (("RIGHT", pair.chosen), ("WRONG", pair.rejected)):
        lines += ["", f"{name} ANSWER: {cut(side.answer)}", *_trace_lines(side)]
    return "\n".join(lines)


def _trace_lines(side: Side) -> Iterator[str]:
    for step in side.trace.steps if side.trace else ():
        yield f"  Thought: {cut(step.thought)}"
        if step.action:
            yield f"  Action: {cut(step.action.tool)}"
            yield f"  Action Input: {cut(step.action.argument)}"
        if step.observation:
            yield f"  Observation: {cut(step.observation.text)}"
    if side.trace and side.trace.rationale:
        yield f"  Rationale: {cut(side.trace.rationale)}"


# --- texts -----------------------------------------------------------------------------------------


def cut(text: str, most: int = MOST_LETTERS) -> str:
    """A text for display: without invisible characters, and cut if it is long."""
    shown = _NOT_SHOWN.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))
    return shown if len(shown) <= most else f"{shown[:most].rstrip()} [... {len(shown) - most:,} more characters]"


def fenced(text: str) -> str:
    """In a fence longer than any in the text, so that nothing in it is read as Markdown or HTML."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def inline(text: str) -> str:
    """In a line of Markdown, with every special character escaped."""
    line = html.escape(" ".join(cut(text, MOST_LETTERS).split()), quote=False)
    return _MARKDOWN.sub(r"\\\1", line)


def cell(text: str, most: int = MOST_IN_TABLE) -> str:
    """In a cell of a table."""
    return inline(cut(" ".join(text.split()), most))


def _yaml(text: str) -> str:
    return "'" + " ".join(text.split()).replace("'", "''") + "'"


def _all_rows(card: Card) -> Iterator[Row]:
    for splits in card.rows.values():
        for some in splits.values():
            yield from some
