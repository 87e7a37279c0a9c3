"""The written form that a model reads and writes, by its `themis.json`."""

from datetime import date

from transformers import PreTrainedTokenizerBase

from themis.errors import ModelError
from themis.model.checkpoint import ModelMeta
from themis.traces.chat_form import ChatWriter, NoChatForm
from themis.traces.segments import SegmentWriter


def writer_of(meta: ModelMeta, tokenizer: PreTrainedTokenizerBase) -> SegmentWriter:
    """The writer of the tokens of a model. Raises `ModelError` if the tokenizer cannot write the form."""
    if meta.form == "plain":
        return SegmentWriter(tokenizer)
    if meta.form != "chat":
        raise ModelError(f"no written form '{meta.form}': this version of Themis knows plain and chat")
    try:
        return ChatWriter(tokenizer, {tool: DESCRIPTIONS.get(tool, "") for tool in meta.tools}, date.fromisoformat(meta.date))
    except NoChatForm as error:
        raise ModelError(str(error)) from error


DESCRIPTIONS = {
    "Calendar.day_difference": "How many days lie between two dates, given as `2023-01-02, 2023-02-01`.",
    "Calendar.target_day": "The date so many days after (or, with a minus, before) a date, given as `2023-01-02, 30`.",
    "Calendar.week_day": "The day of the week of a date, given as `2023-01-02`.",
    "calculator": "Checks every marked step `<<expression=value>>` of an answer, or computes one expression.",
    "code_run": "Runs the answer's program against its tests; say `Same as the answer`.",
    "google_serper": "Searches the web.",
    "history_weather": "The weather in a city on a day, given as `Oslo, 2023-01-02`.",
    "translate": "Translates a text into English.",
    "wiki_search": "A passage of Wikipedia about what is asked.",
}
"""How the chat form describes each tool. Models are trained on these texts, so a change needs a new training."""
