"""A pretrained chat model that puts questions in other words. Whoever asks it checks what comes back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from themis.errors import ModelError
from themis.model.known import directory_of, names_gguf
from themis.model.precision import number_type
from themis.model.weights import read_weights

_ASKED = "Ask the same question in other words. Keep every number, date and name.\n\n{question}"
_SHOWN = (
    ("What day of the week is 2015-03-24?", "Which weekday did 2015-03-24 fall on?"),
    ("How many days are there between 2012-01-05 and 2012-04-09?", "If I count from 2012-01-05 to 2012-04-09, how many days is that?"),
    ("What is the temperature in Oslo on 2014-07-01?", "How warm was it in Oslo on 2014-07-01?"),
)
_MOST_TOKENS = 64


class Rewording:
    """Writes paraphrases with a model of the table (`themis models list`), a directory, or a Hub repository."""

    def __init__(self, name: str, seed: int = 0, each: int = 2) -> None:
        directory = directory_of(name) if names_gguf(name) else Path(name)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(str(directory), padding_side="left")
        if self._tokenizer.chat_template is None:
            raise ModelError(f"the model '{name}' has no chat template, so it cannot be asked for paraphrases; try smollm2-135m")
        dtype = number_type(directory, "cpu") if directory.is_dir() else None
        self._model = read_weights(AutoModelForCausalLM, directory, dtype=dtype).eval()
        self._each = each
        self._generator = torch.Generator().manual_seed(seed)
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token

    @torch.no_grad()
    def __call__(self, questions: Sequence[str]) -> list[list[str]]:
        """Some paraphrases of each question, in order; the same for the same seed and the same questions before."""
        shown = [turn for question, other in _SHOWN for turn in _turns(question, other)]
        chats = [[*shown, _turns(question)[0]] for question in questions]
        asked: Any = self._tokenizer.apply_chat_template(
            chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
        )
        torch.manual_seed(int(torch.randint(2**31, (), generator=self._generator)))
        written = self._model.generate(
            **asked, do_sample=True, temperature=0.8, top_p=0.95, max_new_tokens=_MOST_TOKENS, num_return_sequences=self._each
        )
        texts = self._tokenizer.batch_decode(written[:, asked["input_ids"].shape[1] :], skip_special_tokens=True)
        return [texts[place : place + self._each] for place in range(0, len(texts), self._each)]


def _turns(question: str, other: str | None = None) -> list[dict[str, str]]:
    user = {"role": "user", "content": _ASKED.format(question=question)}
    return [user] if other is None else [user, {"role": "assistant", "content": other}]
