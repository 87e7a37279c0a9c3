"""The dataset card: what the Hub reads, counts that add up, and texts that cannot break out."""

import re
from collections import Counter
from dataclasses import replace

import yaml

from tests.rows_of import row_of, weekday_row, with_answers
from themis.builder.card.card import Card, card_files, card_text, cell, cut, fenced, inline
from themis.builder.draft import Source
from themis.builder.quality.audit import Audit, Share, audit_all
from themis.builder.quality.filters import Dropped, Sifted

HOSTILE = "```\n# Heading\n<script>alert(1)</script> | [x](http://evil) ![i](http://evil) </details> \u202e $$"


def card(**changes: object) -> Card:
    rows = {
        "calendar": {"train": [weekday_row(number) for number in range(12)], "test": [weekday_row(number) for number in range(20, 23)]},
        "wikisearch": {"train": [with_answers(row_of(HOSTILE, "Tuesday", "Sunday"), HOSTILE, "x" * 5_000)], "test": []},
    }
    sources = {"calendar_rules": Source("calendar_rules", "calendar", "CC0: made by rule", lambda root, seed, most: iter(()))}
    sifted = Sifted(
        counts=Counter({("duplicate", "calendar"): 2, ("no wrong answer", "wikisearch"): 1}),
        examples={"duplicate": [Dropped("duplicate", "calendar", "calendar_rules/7", HOSTILE, "as | before")]},
    )
    made = Card("A 'set' of #mine", "themis build tara --out mine", 4, "hindsight", "by_rule", rows, sources, sifted)
    return replace(made, **changes)  # type: ignore[arg-type]


def text_of(made: Card) -> str:
    pairs = {task: [row.pair for some in splits.values() for row in some] for task, splits in made.rows.items()}
    return card_text(made, audit_all(pairs))


def test_the_hub_can_read_the_front_matter_and_finds_each_file_once() -> None:
    front = yaml.safe_load(text_of(card()).split("---\n")[1])
    assert front["pretty_name"] == "A 'set' of #mine"
    assert front["license"] == "other"
    assert front["size_categories"] == ["n<1K"]
    configs = {entry["config_name"]: {file["split"]: file["path"] for file in entry["data_files"]} for entry in front["configs"]}
    assert configs["default"] == {"train": "data/*/train.parquet", "test": "data/*/test.parquet"}
    assert configs["wikisearch"] == {"train": "data/wikisearch/train.parquet"}


def test_counts_licences_seed_setting_and_command_are_told() -> None:
    text = text_of(card(left_out={("calendar", "the question is held out"): 1_234}))
    assert "13 training and 3 test rows of 2 tasks" in text
    assert r"| calendar | calendar\_rules | 12 | 3 |" in text
    assert "| the question is held out | 1,234 | 1,234 |" in text
    assert "| duplicate | 2 | 0 | 2 |" in text
    assert "CC0: made by rule" in text
    assert "*hindsight*" in text
    assert "seed is 4" in text
    assert "themis build tara --out mine" in text
    assert "*blind*" in text_of(card(setting="blind"))


def test_texts_of_rows_neither_end_their_fence_nor_become_markdown_or_html() -> None:
    text = text_of(card())
    outside = "".join(re.split(r"(?ms)^(`{3,})[a-z]*\n.*?^\1$", text))
    assert "<script>" not in outside
    assert "# Heading" not in re.findall(r"(?m)^# .*$", outside)
    assert "](http://evil" not in outside
    assert "\u202e" not in text
    assert "x" * 601 not in text
    assert "[... 4,400 more characters]" in text


def test_a_table_cell_holds_one_line_without_bars() -> None:
    assert "\n" not in cell("a\nb | c")
    assert cell("a | b") == r"a \| b"
    assert inline("<b>&amp;") == "&lt;b&gt;&amp;amp;"
    assert fenced("a ````` b").startswith("``````text\n")
    assert cut("abc", 2) == "ab [... 1 more characters]"


def test_each_bound_that_is_passed_has_its_sentence() -> None:
    over = (
        Share("length", 70, 100, "longer, in words"),
        *(Share(rule, 50, 100) for rule in ("punctuation", "case", "overlap with the question")),
    )
    audits = {
        "calendar": Audit("calendar", 100, over, Share("bag of words", 50, 200, "single answers"), Share("bag of words", 66, 100, "pairs"))
    }
    told = card_text(card(reasons={"calendar": "Right answers name the day."}), audits)
    assert "- *calendar* passes the bound on length (longer, in words): 70.0 % of 100. Right answers name the day." in told
    assert "- *calendar* passes the bound on bag of words (pairs): 66.0 % of 100." in told
    assert "**70.0 (60.4-78.1)**" in told
    assert "gives no reason" in card_text(card(), audits)
    assert "No task passes a bound." in card_text(
        card(), {"calendar": replace(audits["calendar"], rules=(), words_pairs=Share("bag of words", 1, 2))}
    )


def test_equal_builds_have_equal_cards_and_plots_to_the_byte() -> None:
    published = audit_all({"calendar": [weekday_row(number).pair for number in range(8)]})
    files = card_files(card(published=published))
    assert set(files) == {"README.md", "plots/counts.png", "plots/lengths.png", "plots/audit.png"}
    assert files == card_files(card(published=published))
    assert all(data.startswith(b"\x89PNG") for name, data in files.items() if name.endswith(".png"))
    linked = re.findall(r"\]\((plots/[a-z]+\.png)\)", files["README.md"].decode())
    assert sorted(linked) == sorted(name for name in files if name.endswith(".png"))


def test_a_build_without_rows_has_a_card() -> None:
    assert set(card_files(card(rows={}))) == {"README.md"}
