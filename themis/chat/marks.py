"""Escapes the special tokens of chat templates (`<|im_start|>`, `</s>`, `[INST]`) in untrusted text.

Many servers read such a mark as a special token anywhere, even inside a message. A text that holds one could open a
turn of its own.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_MARK = re.compile(r"<(?=/?[\w|｜▁ ]{1,40}>|[|｜]|</?SYS)|\[(?=/?[A-Z_]{3,30}\])")


def without_marks(text: str) -> str:
    """The text with each mark's first character escaped as in JSON (`\\u003c`).

    If the text is JSON, its value is equal.
    """
    return _MARK.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def fenced(data: Mapping[str, Any]) -> str:
    """Untrusted texts as JSON, escaped so that they hold no special token (`<|...|>`, `</s>`, `[INST]`)."""
    return without_marks(json.dumps(data, ensure_ascii=False))
