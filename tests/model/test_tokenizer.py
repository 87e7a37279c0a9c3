"""The tokenizer of a model trained from scratch: numbers in pairs of digits, the same tokens at every place."""

import pytest
from transformers import PreTrainedTokenizerFast

from themis.model.tokenizer import PAD, train_tokenizer
from themis.traces.text import SPECIAL_TOKENS

TEXTS = ["The answer is right, said the tool on 2015-03-24: <<3+4=7>>7."] * 20


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 400, 1024)


def _pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return [str(tokenizer.decode([token])) for token in tokenizer(text)["input_ids"]]


def test_a_number_is_read_in_pairs_of_digits_from_the_left(tokenizer: PreTrainedTokenizerFast) -> None:
    assert _pieces(tokenizer, "2015-03-24") == ["20", "15", "-", "03", "-", "24"]


def test_a_frequent_word_is_one_token_with_its_space(tokenizer: PreTrainedTokenizerFast) -> None:
    assert _pieces(tokenizer, "The answer") == ["The", " answer"]


@pytest.mark.parametrize("text", ["=<<3", ", <<3", " <<3"])
def test_the_brackets_of_a_step_are_one_token_wherever_they_stand(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert _pieces(tokenizer, text)[-2:] == ["<<", "3"]


@pytest.mark.parametrize("text", ["Zürich 1/2", "საქართველო", "a\n\tb  c", "naïve 😀"])
def test_any_text_is_written_and_read_back(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_special_tokens_are_one_token_each_and_padding_is_another(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = [tokenizer.convert_tokens_to_ids(token) for token in (PAD, *SPECIAL_TOKENS)]
    assert ids == [0, 1, 2, 3, 4]
    assert tokenizer.pad_token_id == 0
    assert tokenizer.model_max_length == 1024


def test_a_text_cannot_write_a_special_token(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("".join(SPECIAL_TOKENS), add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert not set(ids) & set(range(5))
