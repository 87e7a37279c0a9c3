"""More words for a tokenizer that is trained already."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from tests.fakes import tiny_model
from themis.errors import ConfigError
from themis.model.checkpoint import load_model
from themis.model.vocabulary import add_words

GEORGIAN = ["საქართველოს დედაქალაქი რომელია", "რამდენი მხარეა საქართველოში", "რამდენი ადამიანი ცხოვრობს დედაქალაქში"] * 3
"""Of a script that nano knows as bytes alone."""
ENGLISH = "What is <<3+4=7>>7 on 2015-03-24, in New York?"


def _embeddings(model: Any) -> torch.Tensor:
    weight: torch.Tensor = model.lm.get_input_embeddings().weight
    return weight


def _encoded(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def test_a_script_of_bytes_becomes_short_and_other_texts_keep_their_tokens() -> None:
    model, tokenizer, _ = load_model("nano", torch.float32)
    before = _encoded(tokenizer, GEORGIAN[0]), _encoded(tokenizer, ENGLISH)
    grown = add_words(model, tokenizer, GEORGIAN, 20)
    assert len(grown) == len(tokenizer) + 20
    assert len(_encoded(grown, GEORGIAN[0])) < 0.7 * len(before[0])
    assert _encoded(grown, ENGLISH) == before[1]
    for text in (*GEORGIAN[:3], ENGLISH, "Zürich, 哪山脉"):
        assert grown.decode(_encoded(grown, text)) == text
    assert len(_embeddings(model)) == model.config.vocab_size == len(grown)


def test_a_new_word_begins_as_the_mean_of_its_parts() -> None:
    model, tokenizer, _ = load_model("nano", torch.float32)
    first = len(tokenizer)
    grown = add_words(model, tokenizer, GEORGIAN, 1)
    word = str(grown.convert_ids_to_tokens(first))
    left, right = (tokenizer.convert_tokens_to_ids(part) for part in _parts(grown, word))
    weight = _embeddings(model)
    assert torch.allclose(weight[first], (weight[left] + weight[right]) / 2)


def _parts(tokenizer: Any, word: str) -> tuple[str, str]:
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    found: tuple[str, str] = next(tuple(merge) for merge in merges if "".join(merge) == word)
    return found


def test_a_grown_tokenizer_is_the_same_after_saving(tmp_path: Path) -> None:
    model, tokenizer, _ = load_model("nano", torch.float32)
    grown = add_words(model, tokenizer, GEORGIAN, 20)
    grown.save_pretrained(tmp_path)
    assert _encoded(PreTrainedTokenizerFast.from_pretrained(tmp_path), GEORGIAN[1]) == _encoded(grown, GEORGIAN[1])


def test_fewer_words_are_added_where_the_texts_have_no_more() -> None:
    model, tokenizer, _ = load_model("nano", torch.float32)
    assert len(add_words(model, tokenizer, ["nothing beyond ASCII"], 10)) == len(tokenizer)


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?")), pad_token="?")
    model = tiny_model("qwen3", words)
    with pytest.raises(ConfigError, match=r"backbone\.added_words: words can be added to a byte-level BPE"):
        add_words(model, words, GEORGIAN, 5)
