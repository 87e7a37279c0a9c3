"""Tokenizers to forge against."""

import pytest
from tokenizers import AddedToken
from transformers import PreTrainedTokenizerFast

from tests.fakes import byte_tokenizer
from themis.model.tokenizer import train_tokenizer
from themis.traces.text import SPECIAL_TOKENS


def trained_tokenizer() -> PreTrainedTokenizerFast:
    """Our own, having seen the special tokens as text, so that it merges their pieces."""
    texts = ["".join(SPECIAL_TOKENS), "### USER: Question: Answer: ### ASSISTANT: Thought: Observation:"]
    return train_tokenizer(texts * 9, vocabulary=400, context_length=512)


def chat_tokenizer() -> PreTrainedTokenizerFast:
    """As in instruct models: other special tokens, and added tokens that are not special and swallow white space."""
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<|im_end|>"})
    tokenizer.add_tokens(["<tool_call>", "</tool_call>", "\N{EURO SIGN}", "\n", "  ", "Observation:"])
    tokenizer.add_tokens([AddedToken("<think>", lstrip=True, rstrip=True), AddedToken("assistant", single_word=True, normalized=True)])
    return tokenizer


@pytest.fixture(scope="session", params=[byte_tokenizer, trained_tokenizer, chat_tokenizer], ids=["bytes", "trained", "chat"])
def tokenizer(request: pytest.FixtureRequest) -> PreTrainedTokenizerFast:
    made: PreTrainedTokenizerFast = request.param()
    return made
