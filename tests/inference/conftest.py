"""What the judge's tests share."""

from collections.abc import Iterator

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from tests.fakes import PHRASES, byte_tokenizer


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny models are slower on many threads, far slower where other programs want the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="package")
def tokenizer() -> PreTrainedTokenizerFast:
    return byte_tokenizer()


@pytest.fixture(scope="package")
def phrase_tokenizer() -> PreTrainedTokenizerFast:
    """For models that write steps of their own accord."""
    return byte_tokenizer(PHRASES)
