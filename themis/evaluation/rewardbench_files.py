"""RewardBench's own result files: written from judged items, and read back as such.

Version 1 is written as its command `rewardbench` does it: `NAME.json` and `NAME_outputs.jsonl`. Version 2 is written
as its `run_v2.py` does it: `eval-set/NAME.json` and `eval-set-scores/NAME.json`. Texts are chats, the form that
RewardBench has for models with a template of their own.

An answer without a reward has the score null, and its reason beside it, a field that RewardBench does not read. Its
item counts as in `items`: it is lost, unless the answer is empty and a worse one. RewardBench's programs give every
answer a score.

Source: github.com/allenai/reward-bench: `rewardbench/rewardbench.py`, `scripts/run_v2.py`, and `save_to_hub` of
`rewardbench/utils.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from themis.errors import DataError
from themis.evaluation.bench_files import TIES, Form
from themis.evaluation.items import Item, JudgedItem, Opinion, Rule
from themis.evaluation.official import rewardbench2, top_share
from themis.evaluation.statistics import mean
from themis.files import data_rows, json_object
from themis.traces import Case, Verdict
from themis.traces.trace import Reason

MODEL_TYPE = "Seq. Classifier"
"""RewardBench's word for a judge whose score is a number of its own head."""
Judged = Mapping[str, Sequence[JudgedItem]]


def result_files(form: Form, model: str, judged: Judged) -> dict[str, str]:
    """The content of each file, by its path below the folder of results. Raises `DataError` for an item of no form."""
    if form == "rewardbench2":
        return _version_2(model, judged)
    return _version_1(model, judged, is_core=form == "rewardbench")


# --- version 1 -------------------------------------------------------------------------------------


def _version_1(model: str, judged: Judged, is_core: bool) -> dict[str, str]:
    rows = [_pair_row(subset, entry) for subset, entries in judged.items() for entry in entries]
    by_subset = {subset: mean([entry.points for entry in entries]) for subset, entries in judged.items()}
    figures = {
        "accuracy": mean([row["results"] for row in rows]),
        "num_prompts": len(rows),
        "model": model,
        "ref_model": None,
        "tokenizer": model,
        "chat_template": None,
        "extra_results": by_subset if is_core else None,
        "unscored": sum(entry.standings is None for entries in judged.values() for entry in entries),
    }
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    return {f"{model}.json": json.dumps(figures) + "\n", f"{model}_outputs.jsonl": lines}


def _pair_row(subset: str, entry: JudgedItem) -> dict[str, Any]:
    if len(entry.opinions) != 2:
        raise DataError(f"item {entry.item.id} has {len(entry.opinions)} answers, and RewardBench's files of version 1 hold pairs")
    (better,), (worse,) = entry.chosen, entry.rejected
    return {
        "prompt": entry.item.chosen[0].question_text,
        "results": int(entry.points),
        "scores_chosen": better.reward,
        "scores_rejected": worse.reward,
        "text_chosen": _chat(entry.item.chosen[0]),
        "text_rejected": _chat(entry.item.rejected[0]),
        "subset": subset,
        "id": entry.item.id,
        "reason_chosen": _reason(better),
        "reason_rejected": _reason(worse),
    }


# --- version 2 -------------------------------------------------------------------------------------


def _version_2(model: str, judged: Judged) -> dict[str, str]:
    about = {"model": model, "model_type": MODEL_TYPE, "chat_template": None}
    scores = {name: score for name, score in rewardbench2(judged).items() if name in judged}
    rows = [(subset, entry) for subset, entries in judged.items() for entry in entries]
    columns: dict[str, Any] = {
        "id": [entry.item.id for _, entry in rows],
        "subset": [subset for subset, _ in rows],
        "num_correct": [len(entry.chosen) for _, entry in rows],
        "text": [[_chat(case) for case in entry.item.cases] for _, entry in rows],
        "scores": [[opinion.reward for opinion in entry.opinions] for _, entry in rows],
        "results": [None if subset.lower() == TIES.lower() else top_share(entry) for subset, entry in rows],
        "reasons": [[_reason(opinion) for opinion in entry.opinions] for _, entry in rows],
    }
    files = {"eval-set": {**about, **scores}, "eval-set-scores": {**about, **columns}}
    return {f"{folder}/{model}.json": json.dumps(content, indent=4, sort_keys=True) + "\n" for folder, content in files.items()}


def _chat(case: Case) -> list[dict[str, str]]:
    asked = [{"role": "user", "content": case.question}] if isinstance(case.question, str) else [dict(turn) for turn in case.question]
    return [*asked, {"role": "assistant", "content": case.answer}]


def _reason(opinion: Opinion) -> str | None:
    """Why an answer has no reward; None where it has one."""
    return None if opinion.rewards else next((verdict.reason for verdict in opinion.verdicts), None)


# --- read back -------------------------------------------------------------------------------------


def read_results(path: Path) -> tuple[Form, dict[str, list[JudgedItem]]] | None:
    """The items of a file of scores, of whichever model: `NAME_outputs.jsonl` or `eval-set-scores/NAME.json`.

    None for any other file. Raises `DataError` for a row that cannot be read.
    """
    form: Form = "rewardbench2" if path.suffix == ".json" else "rewardbench"
    judged: dict[str, list[JudgedItem]] = {}
    for where, row in _rows_of_columns(path) if path.suffix == ".json" else _rows_of_pairs(path) if path.suffix == ".jsonl" else ():
        try:
            judged.setdefault(str(row["subset"]), []).append(_item(row))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"{where}: no row of RewardBench's scores ({error})") from error
    return (form, judged) if judged else None


def _rows_of_columns(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of an object that holds columns; nothing where it holds something else."""
    try:
        held = json_object(path)
    except DataError:  # a list of rows, and so another kind of file
        return
    names = ("id", "subset", "num_correct", "text", "scores")
    if all(isinstance(held.get(name), list) for name in names):
        reasons = held.get("reasons") or [None] * len(held["id"])
        for number, values in enumerate(zip(*(held[name] for name in names), reasons, strict=False), start=1):
            yield f"{path}, item {number}", dict(zip((*names, "reasons"), values, strict=True))


def _rows_of_pairs(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    sides = ("chosen", "rejected")
    for number, where, row in data_rows(path):
        if not {f"{what}_{side}" for what in ("text", "scores") for side in sides} <= row.keys():
            return
        named = {"id": row.get("id", number), "subset": row.get("subset", "all"), "num_correct": 1}
        columns = {"text": "text", "scores": "scores", "reasons": "reason"}
        yield where, named | {name: [row.get(f"{each}_{side}") for side in sides] for name, each in columns.items()}


def _item(row: Mapping[str, Any]) -> JudgedItem:
    """The better answers come first, and there are `num_correct` of them."""
    texts = [text if isinstance(text, str) else str(text[-1]["content"]) for text in row["text"]]
    reasons = row["reasons"] or [None] * len(texts)
    cases = tuple(Case("", text) for text in texts)
    opinions = tuple(_opinion(*each) for each in zip(row["scores"], reasons, strict=True))
    first = int(row["num_correct"])
    if not 0 < first < len(cases) or len(opinions) != len(cases):
        raise ValueError(f"num_correct is {first}, of {len(cases)} texts and {len(opinions)} scores")
    rule: Rule = "every" if str(row["subset"]).lower() == TIES.lower() else "best"
    return JudgedItem(Item(str(row["id"]), cases[:first], cases[first:], rule=rule), opinions[:first], opinions[first:])


def _opinion(score: Any, reason: Any) -> Opinion:
    score = score[0] if isinstance(score, list) and len(score) == 1 else score
    known: Reason | None = reason if reason in get_args(Reason) else None
    return Opinion((Verdict("", None if score is None else float(score), known if score is None else None),))
