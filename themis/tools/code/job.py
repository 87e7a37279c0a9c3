"""What runs inside the sandbox: the program under judgement, then the check, and reports of the values the check met.

Nothing here decides anything. The program may take all of this over, and report what it likes. It never learns what
it should have reported: `checks` keeps that outside. Imports the standard library and its siblings alone.
"""

import ast
import builtins
import contextlib
import os
import sys
import types
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from themis.tools.code.values import encoded

REPORT = "__themis_report__"
"""The name under which a check finds the function that reports values."""
CHANNEL = 3
"""The descriptor that reports go to."""
MAX_TEXT = 300
# Kept, so that what the program patches in `builtins` does not run here.
_compile, _exec, _write = compile, exec, os.write


def run_job(job: dict[str, Any]) -> None:
    """Runs the program, then the check in its names. Reports ready, each value, and the first error or the end."""
    vars(builtins).update(exit=sys.exit, quit=sys.exit)  # as `site`, which is not loaded here, defines them
    own_builtins = dict(builtins.__dict__)
    token, name = job["token"], job["name"]
    module = sys.modules[name] = types.ModuleType(name)
    sys.argv[:] = ["answer.py"]

    def send(kind: str, *content: str) -> None:
        line = memoryview(f"[{','.join([_quoted(token), _quoted(kind), *content])}]\n".encode())
        while line:
            line = line[_write(CHANNEL, line) :]

    def report(place: int, *values: Any) -> None:
        send("values", f"{place:d}", f"[{','.join(map(encoded, values))}]")

    send("ready")
    try:
        # Compiled here, inside: the compiler is a target, too.
        code = _compiled(job["text"], job["readings"])
        _run_given(job["given"], job["asked"], module.__dict__)
        try:
            _exec(code, module.__dict__)
        except SystemExit as end:
            if name != "__main__" or end.code:
                raise
        names = {**module.__dict__, "__builtins__": own_builtins, REPORT: report}
        _exec(_compile(job["check"], "<check>", "exec", dont_inherit=True), names)
    except BaseException as error:  # whatever ends the program is reported, SystemExit too
        send("error", _quoted(type(error).__name__), _quoted(_text_of(error)))
    else:
        send("end")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _compiled(program: str, readings: list[list[str]]) -> types.CodeType:
    """The first reading that is Python, whole or without the blocks that are not. Else the program, or its error."""
    for blocks in readings:
        for source in ("\n".join(blocks), "\n".join(filter(_code, blocks))):
            if source.strip() and (code := _code(source)):
                return code
    return _compile(program, "<string>", "exec", dont_inherit=True)


def _code(source: str) -> types.CodeType | None:
    try:
        return _compile(source, "<string>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _run_given(source: str, asked: list[str], names: dict[str, Any]) -> None:
    """Runs the imports, helpers and constants of a question, but nothing that has one of the names asked for."""
    imports = "\n".join(line for line in source.splitlines() if line.startswith(("import ", "from ")) and _code(line))
    whole = next(filter(_code, (source, f"{source}\n    pass", imports)))
    for node in ast.parse(whole).body:
        if _helps(node, asked):
            with contextlib.suppress(Exception):  # the answer may do without it
                _exec(_compile(ast.Module([node], []), "<question>", "exec", dont_inherit=True), names)


def _helps(node: ast.stmt, asked: list[str]) -> bool:
    match node:
        case (
            ast.FunctionDef(name=name)
            | ast.ClassDef(name=name)
            | ast.Assign(targets=[ast.Name(id=name)])
            | ast.AnnAssign(ast.Name(id=name))
        ):
            return name not in asked
    return isinstance(node, ast.Import | ast.ImportFrom)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:MAX_TEXT]
    except Exception:  # the text of an error may be made by the program's code
        return ""
