"""What runs inside the sandbox: the program under judgement, then the check, and reports of the values the check met.

Nothing here decides anything. The program may take all of this over, and report what it likes. It never learns what
it should have reported: `checks` keeps that outside. Imports the standard library alone.
"""

import builtins
import json
import os
import sys
import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

REPORT = "__themis_report__"
"""The name under which a check finds the function that reports values."""
CHANNEL = 3
"""The descriptor that reports go to."""
MAX_DEPTH = 60
MAX_TEXT = 300
_WRITTEN_OUT = (date, datetime, time, timedelta, Decimal, Fraction)
# Kept, so that what the program patches in `builtins` does not run here.
_compile, _exec, _write, _dumps = compile, exec, os.write, json.dumps


def run_job(program: str, check: str, token: str) -> None:
    """Runs the program, then the check in its names. Reports ready, each value, and the first error or the end."""
    own_builtins = dict(builtins.__dict__)
    module = types.ModuleType("answer")
    sys.modules["answer"] = module

    def send(kind: str, *content: Any) -> None:
        line = _dumps([token, kind, *content]).encode() + b"\n"
        while line:
            line = line[_write(CHANNEL, line) :]

    def report(place: int, *values: Any) -> None:
        send("values", place, [encoded(value) for value in values])

    send("ready")
    try:
        # Compiled here, inside: the compiler is a target, too.
        _exec(_compile(program, "<string>", "exec", dont_inherit=True), module.__dict__)
        names = {**module.__dict__, "__builtins__": own_builtins, REPORT: report}
        _exec(_compile(check, "<check>", "exec", dont_inherit=True), names)
    except BaseException as error:  # whatever ends the program is reported, SystemExit too
        send("error", type(error).__name__, _text_of(error))
    else:
        send("end")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def encoded(value: Any, depth: int = 0) -> Any:
    """A value as JSON with its type. A subclass becomes its base, as one might equal everything."""
    kind = type(value)
    if value is None or kind is bool:
        return value
    if depth > MAX_DEPTH:
        return ["other", "something nested too deeply"]
    encoder = next((encoder for base, encoder in _ENCODERS if issubclass(kind, base)), None)
    if encoder is not None:
        name, content = encoder(value, depth + 1)
        return [name, content]
    if kind in _WRITTEN_OUT:
        return ["written", [kind.__name__, repr(value)]]
    return ["other", kind.__name__[:MAX_TEXT]]


def _all(values: Any, depth: int) -> list[Any]:
    return [encoded(value, depth) for value in values]


def _pairs(value: Any, depth: int) -> list[Any]:
    return [[encoded(key, depth), encoded(content, depth)] for key, content in dict.items(value)]


_ENCODERS: tuple[tuple[type, Callable[[Any, int], tuple[str, Any]]], ...] = (
    (int, lambda value, _: ("int", hex(int.__int__(value)))),
    (float, lambda value, _: ("float", float.hex(value))),
    (complex, lambda value, _: ("complex", [float.hex(value.real), float.hex(value.imag)])),
    (str, lambda value, _: ("str", str.__str__(value))),
    (bytes, lambda value, _: ("bytes", bytes.hex(value))),
    (bytearray, lambda value, _: ("bytes", bytearray.hex(value))),
    (list, lambda value, depth: ("list", _all(list.__iter__(value), depth))),
    (tuple, lambda value, depth: ("tuple", _all(tuple.__iter__(value), depth))),
    (set, lambda value, depth: ("set", _all(set.__iter__(value), depth))),
    (frozenset, lambda value, depth: ("set", _all(frozenset.__iter__(value), depth))),
    (type({}.keys()), lambda value, depth: ("set", _all(value, depth))),
    (type({}.items()), lambda value, depth: ("set", _all(value, depth))),
    (dict, lambda value, depth: ("dict", _pairs(value, depth))),
)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # the text of an error may be made by the program's code
        return ""
