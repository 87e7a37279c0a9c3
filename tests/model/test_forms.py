"""The written form that `themis.json` names decides what writes a model's tokens."""

import pytest

from tests.fakes import byte_tokenizer
from tests.traces.test_chat_form import chat_tokenizer
from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta
from themis.model.forms import writer_of
from themis.traces.chat_form import ChatWriter
from themis.traces.segments import SegmentWriter


def test_the_plain_form_is_our_own() -> None:
    assert type(writer_of(ModelMeta(), byte_tokenizer())) is SegmentWriter


def test_the_chat_form_is_the_template_of_the_tokenizer() -> None:
    assert type(writer_of(ModelMeta(form="chat", tools=("calculator",)), chat_tokenizer())) is ChatWriter


def test_a_tokenizer_without_a_template_has_no_chat_form() -> None:
    with pytest.raises(ModelError, match="the tokenizer has no chat template"):
        writer_of(ModelMeta(form="chat"), byte_tokenizer())


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(ModelError, match="no written form 'morse': this version of Themis knows plain and chat"):
        writer_of(ModelMeta(form="morse"), byte_tokenizer())
