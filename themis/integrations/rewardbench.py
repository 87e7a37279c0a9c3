"""A judge at RewardBench's plug-in point: `REWARD_MODEL_CONFIG[NAME] = themis.integrations.rewardbench.config(MODEL)`.

RewardBench writes each chat with the template of a tokenizer. `write_tokenizer` makes one whose template is JSON: so
question and answer come back whole, and no answer can forge a turn. A text of another template is split by its marks,
if THEMIS_TEMPLATE names it (see `themis.traces.one_text`). What cannot be split is refused.

RewardBench needs a number for each answer, and an error would end its run. So THEMIS_MISSING has to say what an answer
without a reward counts as. Each use is logged, and `replaced` counts them.

Source: `rewardbench/rewardbench.py`, `scripts/run_rm.py` and `scripts/run_v2.py` of github.com/allenai/reward-bench.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from themis.errors import ConfigError, DataError
from themis.files import write_whole
from themis.integrations.judges import case_of, chosen_missing, number_of, shared_judge
from themis.model.named import NANO
from themis.traces.case import Case
from themis.traces.judge import Judge
from themis.traces.one_text import marks_of, split

PAD = "<|pad|>"
TEMPLATE = "{{ messages | tojson }}"
logger = logging.getLogger(__name__)


class Model:
    """What RewardBench takes for a model: it asks for `config.pad_token_id`, and calls nothing."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self.config = SimpleNamespace(pad_token_id=0)


class Pipeline:
    """Is called with a batch of texts or chats, and gives `{"score": reward}` for each. Raises `DataError`."""

    def __init__(self, task: str, *, model: Model, tokenizer: Any = None, **others: Any) -> None:
        """Raises `ConfigError` where nobody has said what an answer without a reward counts as."""
        missing = chosen_missing()
        if missing is None:
            raise ConfigError("RewardBench needs a number for each answer: set THEMIS_MISSING to what one without a reward counts as")
        self.task, self.model, self.tokenizer, self._missing = task, model, tokenizer, missing
        self._marks = marks_of(os.environ.get("THEMIS_TEMPLATE", ""))
        self._judge = model.judge
        self.replaced = 0
        """How many answers had no reward."""

    def __call__(self, samples: str | Sequence[Any], **settings: Any) -> list[dict[str, float]]:
        """The batch is judged together. `settings` are for models of transformers, and mean nothing here."""
        whole = [samples] if isinstance(samples, str) else list(samples)
        judged = dict(self._judge.judge_all([self._case(sample, f"sample {place}") for place, sample in enumerate(whole)]))
        if reasons := [str(verdict.reason) for verdict in judged.values() if verdict.reward is None]:
            self.replaced += len(reasons)
            why = ", ".join(sorted(set(reasons)))
            logger.warning("%d of %d answers have no reward (%s) and count as %g", len(reasons), len(whole), why, self._missing)
        return [{"score": number_of(judged[place], self._missing)} for place in range(len(whole))]

    def _case(self, sample: str | Sequence[Mapping[str, Any]], where: str) -> Case:
        chat = _chat_of(sample) if isinstance(sample, str) else list(sample)
        if chat is None:
            question, answer = split(str(sample), None, self._marks, where)
            return case_of(where, list(question) if isinstance(question, tuple) else question, answer)
        if len(chat) < 2 or chat[-1].get("role") != "assistant":
            raise DataError(f"{where}: a chat must end with the answer, a turn of the assistant after a question")
        asked: Any = chat[0].get("content") if len(chat) == 2 and chat[0].get("role") == "user" else chat[:-1]
        said: Any = chat[-1].get("content")
        return case_of(where, asked, said)


def config(model: str | None = None) -> dict[str, Any]:
    """An entry of `REWARD_MODEL_CONFIG`, under whichever name: for a model, the address of a server, or THEMIS_MODEL.

    `custom_dialogue` is for models that compare two answers; RewardBench's loop does not read it from others.
    """

    def model_builder(name: str, **settings: Any) -> Model:
        return Model(shared_judge(model))

    types = {"quantized": False, "custom_dialogue": False, "model_type": "Seq. Classifier"}
    return {"model_builder": model_builder, "pipeline_builder": Pipeline, **types}


def write_tokenizer(folder: str | Path) -> Path:
    """Write a tokenizer for RewardBench's option `--tokenizer`, whose template is JSON; returns the folder.

    Transformers 4 reads it, too: RewardBench pins that.
    """
    folder = Path(folder)
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": PAD, "eos_token": PAD, "chat_template": TEMPLATE}
    write_whole(folder / "tokenizer.json", (NANO / "tokenizer.json").read_bytes())
    write_whole(folder / "tokenizer_config.json", json.dumps(about, indent=1) + "\n")
    return folder


def _chat_of(text: str) -> list[Mapping[str, Any]] | None:
    """The turns of a text that is a chat as JSON; None for any other."""
    try:
        turns = json.loads(text) if text.lstrip().startswith("[{") else None
    except (ValueError, RecursionError):
        return None
    is_chat = isinstance(turns, list) and all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in turns)
    return turns if is_chat else None
