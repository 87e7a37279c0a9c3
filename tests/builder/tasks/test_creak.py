"""CREAK as drafts: claims against claims, claims to check, and results that settle them."""

import gzip
import json
import lzma
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from themis.builder.draft import Draft, View
from themis.builder.tasks.webgpt.agents import evidence, query_of
from themis.builder.tasks.webgpt.creak import FILES, INTROS, read_creak
from themis.config import data_root
from themis.errors import DataError
from themis.phrases import phrases
from themis.traces import Action, Case, Observation, Step

CLAIMS = (
    ("Arden Mill", "true", "Arden Mill ground barley for the brewers of Lode.", "Brewers of Lode had their barley ground at Arden Mill."),
    ("Arden Mill", "true", "Arden Mill burnt down in a fire.", "A fire burnt Arden Mill down in the end."),
    ("Arden Mill", "true", "Brewers bought their barley flour at Arden Mill.", "Arden Mill sold barley flour to brewers."),
    ("Arden Mill", "false", "Arden Mill served chocolate cake to Russian astronauts.", "Arden Mill ground barley and nothing else."),
    ("Arden Mill", "false", "Arden Mill ground coffee beans for Portuguese sailors.", "Arden Mill ground barley for brewers."),
    ("Jane Holt", "true", "Jane Holt painted harbours with boats in oil.", "Boats in harbours were what Jane Holt painted in oil."),
    ("Jane Holt", "true", "Jane Holt sold paintings of harbours in Lisbon.", "Paintings of harbours by Jane Holt were sold in Lisbon."),
    ("Jane Holt", "false", "Jane Holt boxed against kangaroos in Australian circuses.", "Jane Holt painted harbours with boats."),
)


def write(root: Path, claims: tuple[tuple[str, str, str, str], ...] = CLAIMS) -> Path:
    (root / "creak").mkdir()
    (root / "wikipedia").mkdir()
    rows = [
        {"ex_id": f"train_{number}", "entity": entity, "label": label, "sentence": text, "explanation": reason}
        for number, (entity, label, text, reason) in enumerate(claims)
    ]
    with gzip.open(root / FILES[0], "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with gzip.open(root / FILES[1], "wt", encoding="utf-8") as file:
        file.write("")
    with lzma.open(root / INTROS, "wt", encoding="utf-8") as file:
        intro = {"title": "Arden Mill", "text": "ARDEN MILL was a mill that ground barley for brewers near the river Lode."}
        file.write(json.dumps(intro) + "\n")
    return root


def settled(draft: Draft) -> bool:
    """Whether the recorded searches support the right answer and none of the wrong ones."""
    calls = {query: Observation(results) for _, query, results in draft.recorded}
    stances = []
    for answer in (draft.chosen, *draft.rejected):
        query = query_of(draft.question, answer, draft.facts)
        step = Step("", Action("google_serper", query), calls[query])
        stances.append(evidence(View(Case(draft.question, answer), "webgpt", draft.facts), (step,)).stance)
    return stances == ["agrees", *["disagrees"] * len(draft.rejected)]


def test_what_is_offered_is_settled_by_the_searches_that_are_recorded(tmp_path: Path) -> None:
    drafts = list(read_creak(write(tmp_path), 1, 100))
    assert drafts
    assert all(settled(draft) for draft in drafts)


def test_the_drafts_do_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    """Which of two entities with one bare name gets the sentences that name it."""
    twins = tuple((entity.replace("Mill", "Mill (film)"), label, text, reason) for entity, label, text, reason in CLAIMS)
    root = write(tmp_path, CLAIMS + twins)
    with lzma.open(root / INTROS, "at", encoding="utf-8") as file:
        file.write(json.dumps({"title": "Lode", "text": "The brewers of Lode had their barley ground at Arden Mill."}) + "\n")
    script = f"from pathlib import Path; from {read_creak.__module__} import *; print([*read_creak(Path({str(root)!r}), 1, 100)])"
    said = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, env={**os.environ, "PYTHONHASHSEED": str(seed)}
        ).stdout
        for seed in range(6)
    }
    assert len(said) == 1
    assert said != {b"[]\n"}


def test_right_answers_are_true_claims_and_wrong_ones_are_never_true_of_the_entity(tmp_path: Path) -> None:
    told = {(entity, text) for entity, label, text, _ in CLAIMS if label == "true"}
    about = [draft for draft in read_creak(write(tmp_path), 1, 100) if "/about/" in draft.id]
    assert about
    for draft in about:
        assert (draft.facts["subject"], draft.chosen) in told
        assert not any((draft.facts["subject"], wrong) in told for wrong in draft.rejected)
        assert all(draft.facts["subject"] in wrong for wrong in draft.rejected)


def test_a_true_claim_about_others_is_said_of_the_entity_or_not_at_all(tmp_path: Path) -> None:
    # In the plural the name cannot be replaced, so the claim would stay as true as it is.
    others = (
        ("Tarn Owl", "true", "All Tarn Owls hunt mice by moonlight.", "Tarn Owls hunt mice by moonlight, one and all."),
        ("Tarn Owl", "true", "Tarn Owls nest in hollow oak trees.", "Hollow oak trees are where Tarn Owls nest."),
    )
    drafts = [draft for seed in range(5) for draft in read_creak(_once(tmp_path, (*CLAIMS, *others)), seed, 100)]
    assert drafts
    assert not any(word in wrong for draft in drafts for wrong in draft.rejected for word in ("Tarn Owl", "hunt mice"))


def test_the_claim_under_judgement_is_not_among_the_results(tmp_path: Path) -> None:
    for draft in read_creak(write(tmp_path), 1, 100):
        claim = draft.facts.get("claim") or draft.chosen
        assert all(claim not in results for _, _, results in draft.recorded)


def test_as_many_claims_to_check_hold_as_fail_and_wrong_answers_turn_the_verdict(tmp_path: Path) -> None:
    truth = {text: label == "true" for _, label, text, _ in CLAIMS}
    checked = [draft for seed in range(5) for draft in read_creak(_once(tmp_path), seed, 100) if "/check/" in draft.id]
    counts = Counter(truth[draft.facts["claim"]] for draft in checked)
    assert counts[True] == counts[False] > 0
    for draft in checked:
        assert _says_yes(draft.chosen) == truth[draft.facts["claim"]]
        assert all(_says_yes(wrong) != truth[draft.facts["claim"]] for wrong in draft.rejected)


def _once(root: Path, claims: tuple[tuple[str, str, str, str], ...] = CLAIMS) -> Path:
    return root if (root / "creak").is_dir() else write(root, claims)


def _says_yes(answer: str) -> bool:
    verdict = answer.split(". ")[0].lower()
    return not ("no" in verdict.replace(",", "").split() or "not" in verdict or verdict == "false")


def test_there_are_twenty_wordings_of_each_question() -> None:
    for name in ("ask_for_a_fact", "ask_whether"):
        wordings = phrases("themis.builder.tasks.webgpt")[name]
        assert len(set(wordings)) == len(wordings) >= 20


@pytest.mark.parametrize(
    "claim",
    [
        "I love Arden Mill and its bread.",
        "Arden Mill stands.",
        "ARDEN MILL GROUND ALL OUR BARLEY.",
        "This statement about Arden Mill is false.",
    ],
)
def test_claims_about_their_writer_or_in_capitals_are_left_out(tmp_path: Path, claim: str) -> None:
    root = write(tmp_path, (*CLAIMS, ("Arden Mill", "true", claim, "Arden Mill ground barley for brewers.")))
    drafts = list(read_creak(root, 1, 100))
    assert not any(claim in (draft.chosen, draft.facts.get("claim"), *draft.rejected) for draft in drafts)
    assert not any(claim in results for draft in drafts for _, _, results in draft.recorded)


def test_a_label_that_is_neither_true_nor_false_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"creak/train\.jsonl\.gz, line 1: field 'label' must be 'true' or 'false', found 'maybe'"):
        list(read_creak(write(tmp_path, (("Arden Mill", "maybe", *CLAIMS[0][2:]),)), 1, 5))


def test_the_published_claims_give_thousands_of_settled_drafts() -> None:
    data = data_root()
    if data is None or not all((data / file).is_file() for file in (*FILES, INTROS)):
        pytest.skip("the data sets are not at hand: set THEMIS_DATA")
    drafts = list(read_creak(data, 4, 20_000))
    assert len(drafts) > 5_000
    assert len({draft.id for draft in drafts}) == len(drafts)
    assert all(settled(draft) for draft in drafts[:200])
