"""The code in an answer: fences as people and models write them, and what a question gives."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from themis.tools.code.markdown import given, program_of, readings
from themis.tools.code.sandbox import Limits, Program, Sandbox
from themis.tools.code.tool import SAME, code_tool
from themis.traces import Case

PAGE = Path(__file__).parents[3] / "docs" / "tools" / "built-in.md"
_SPAN = re.compile(r"(?<!`)`(?!`)(.+?)(?<!`)`(?!`)")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(seconds=2)) as started:
        yield started


def table(header: str) -> list[list[list[str]]]:
    """The code spans in each cell of each row of a table of the page."""
    rows = PAGE.read_text(encoding="utf-8").partition(f"| {header} |")[2].partition("\n\n")[0].split("\n")[2:]
    return [[[_span(found) for found in _SPAN.findall(cell)] for cell in row.split("|")[1:-1]] for row in rows]


def _span(text: str) -> str:
    return text[1:-1] if text.startswith(" ") and text.endswith(" ") else text


def lines(text: str) -> str:
    return text.replace("\\n", "\n")


ANSWERS = [(lines(answer), lines(code)) for answers, (code,) in table("the answer") for answer in answers]


def test_the_page_has_its_table() -> None:
    assert len(ANSWERS) >= 15


@pytest.mark.parametrize(("answer", "code"), ANSWERS)
def test_what_the_page_says_is_run_is_run(sandbox: Sandbox, answer: str, code: str) -> None:
    """What a program is, it can say itself: its names and their values."""
    names = "{name: value for name, value in globals().items() if name.isidentifier() and not name.startswith('_')}"
    expected: dict[str, object] = {}
    exec(code, {"print": lambda _: None}, expected)
    run = sandbox.run(Program(program_of(answer), readings(answer)), f"__themis_report__(0, {names})")
    flat = [part for pair in expected.items() for part in pair]
    assert run.reports == (("values", 0, [["dict", *flat]]), ("end",)), run.reports


DEFINES = "def f(x):\n    return x * x\n"
INDENTED = "   def f(x):\n       return x * x\n"


@pytest.mark.parametrize(
    "answer",
    [
        DEFINES,
        "\ufeff" + DEFINES,
        f"```python\n{DEFINES}",
        f"```\n{DEFINES}",
        f"{DEFINES}```",
        f"{DEFINES}```\nThis squares a number.",
        f"{DEFINES}```\n\nIt prints:\n```\n4\n```\n",
        f"Sure:\n```python\r\n{DEFINES}```\r\nDone.".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"```python title='a.py'\n{DEFINES}```",
        f"``` Python3.11\n{DEFINES}```",
        f"~~~~py\n{DEFINES}~~~~~~  \nDone.",
        f"````python\n{DEFINES}\ns = '''\n```\n'''\n````\n",
        f"```python\n{DEFINES}```\n\nOutput:\n\n```\nSum is 4\n```\n",
        f"```python\n{DEFINES}```\n\n```output\n4\n```\n\n```json\n{{}}\n```\n",
        f"```\n{DEFINES}```\n\nIt prints\n\n```\n4 is the result\n```\n",
        f"```bash\npip install x\n```\n```python\n{DEFINES}```",
        f"```python\n{DEFINES}```\nUse it so:\n```python\n>>> f(2)\n4\n```\n",
        f"1. Write it:\n\n   ```python\n{INDENTED}   ```\n2. Run it.\n",
        f"* ```python\n{INDENTED.replace('   d', '  d').replace('       r', '      r')}  ```\n",
        "- a\n\t```python\n\tdef f(x):\n\t\treturn x * x\n\t```\n",
        "10. So\n      ```python\n      def f(x):\n          return x * x\n      ```\n",
        f"1. Write it:\n```python\n{INDENTED}```\n",
        "> Here:\n>\n> ```python\n> def f(x):\n>     return x * x\n> ```\n",
        "So:\n\n    def f(x):\n        return x * x\n\nDone.",
        INDENTED,
        f"````markdown\n# f\n```python\n{DEFINES}```\n````\n",
        '```python\ndef f(x):\n    """The square.\n\n    ```python\n    f(2)\n    ```\n    """\n    return x * x\n```\n',
        'def f(x):\n    """The square.\n\n    ```\n    f(2)\n    ```\n    """\n    return x * x\n',
        "```python\ndef g(x):\n    return x\n```\nand\n```python\ndef f(x):\n    return g(x) * x\n```\n",
        f"```python\ndef f(x):\n    return x\n```\nNo, that is wrong:\n```python\n{DEFINES}```\n",
        f"I use the `~~~` sign:\n\n```python\n{DEFINES}```",
    ],
)
def test_the_program_is_found(sandbox: Sandbox, answer: str) -> None:
    assert code_tool(sandbox)(SAME, case=Case("q", answer, tests=("assert f(2) == 4", "assert f(3) == 9"))).startswith(
        "The pass rate is 1.0."
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("```python\ndef f(x)\n    return x\n```", "expected ':' (<string>, line 1)"),
        ("def f(x)\n    y = 1\n\n    return x\n", "expected ':' (<string>, line 1)"),
        ("    return x", "unexpected indent (<string>, line 1)"),
        ("```python\n\n```", "invalid syntax (<string>, line 1)"),
        ("```js\nlet f = 1\n```", "invalid syntax (<string>, line 1)"),
    ],
)
def test_of_a_program_that_is_not_python_the_fault_is_told(sandbox: Sandbox, answer: str, reason: str) -> None:
    assert code_tool(sandbox)(SAME, case=Case("q", answer, tests=("assert f(2) == 4",))) == (
        f"The pass rate is 0.0. All test cases failed. Failed reason: {reason}"
    )


LONG = ("```x\n", "```python\n", "~~~\n", "> ", "- ", "1. ", "`", "    x\n", "\n", " \n\t\n", "```a`\n", "> ```py\n")


@pytest.mark.parametrize("text", LONG)
def test_long_texts_are_read_at_once(text: str) -> None:
    for long in (text * 5_000, f"```python\n{text * 5_000}", f"> - ```py\n{text * 5_000}"):
        assert sum(len(block) for way in readings(long) for block in way) < 12 * len(long)


# --- what a question gives -------------------------------------------------------------------------

TOTAL = "def total(x: List[int]) -> int:\n    return sum(x)\n"
HELPED = "def total(x):\n    return sum(twice(each) for each in x) // SCALE\n"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("from typing import List\n\n\ndef total(x: List[int]) -> int:\n    '''The sum.'''\n", TOTAL),
        ("from typing import List\n\ndef total(x: List[int]) -> int:\n", TOTAL),
        ("Write total.\n\nfrom typing import List\n\ndef total(x: List[int]) -> int:\n    '''The sum.'''\n", TOTAL),
        ("Complete:\n```python\nfrom typing import List\n\ndef total(x: List[int]) -> int:\n    pass\n```\n", TOTAL),
        ("import nowhere\nfrom typing import *\n\ndef total(x: List[int]) -> int:\n    ...\n", TOTAL),
        ("SCALE = 2\n\ndef twice(x):\n    return 2 * x\n\ndef total(x):\n    '''The sum.'''\n", HELPED),
        ("Use this:\n```python\nSCALE = 2\ndef twice(x):\n    return 2 * x\n```\nWrite total.", HELPED),
        ("from typing import List", f"```python\n{TOTAL}```"),
        ("from the list of numbers, take the sum.\nimport typing as t\n", TOTAL.replace("List", "t.List")),
    ],
)
def test_imports_and_helpers_of_the_question_stand_before_the_answer(sandbox: Sandbox, question: str, answer: str) -> None:
    assert code_tool(sandbox)(SAME, case=Case(question, answer, tests=("assert total([1, 2]) == 3",))).startswith("The pass rate is 1.0.")


def test_the_answer_s_own_helper_counts(sandbox: Sandbox) -> None:
    case = Case("SCALE = 3\n\ndef f(x):\n    pass\n", "SCALE = 1\ndef f(x):\n    return x * SCALE", tests=("assert f(2) == 2",))
    assert code_tool(sandbox)(SAME, case=case).startswith("The pass rate is 1.0.")


@pytest.mark.parametrize(
    ("question", "test"),
    [
        (f"Refactor this:\n```python\n{DEFINES}```\n", "assert f(2) == 4"),
        (f"{DEFINES}\ndef g(x):\n    return f(x)\n", "assert f(2) == 4"),
        ("f = lambda x: x * x\n\ndef g(x):\n    return 1\n", "assert f(2) == 4"),
        ("class f:\n    def __new__(cls, x):\n        return x * x\n", "assert f(2) == 4"),
        (DEFINES, "def check(candidate):\n    assert candidate(2) == 4\n"),
        (DEFINES, "def check(candidate):\n    assert candidate(2) == 4\ncheck(f)"),
    ],
)
def test_what_is_asked_for_is_never_taken_from_the_question(sandbox: Sandbox, question: str, test: str) -> None:
    assert code_tool(sandbox)(SAME, case=Case(question, "x = 1", tests=(test,))).startswith("The pass rate is 0.0.")


def test_a_question_without_code_gives_nothing() -> None:
    assert given("Write a function that adds two numbers.") == ""
    assert given("Given:\n```python\nx = 1\n```\nWrite f.") == "x = 1\n"


# --- `__name__` ------------------------------------------------------------------------------------

SCRIPT = "import sys\ndef main():\n    print('Hello', *sys.argv[1:])\n\nif __name__ == '__main__':\n    main()\n"


def test_without_tests_the_main_part_of_a_script_runs(sandbox: Sandbox) -> None:
    told = code_tool(sandbox)
    assert told(SAME, case=Case("q", SCRIPT)) == "The code ran to its end. It printed:\nHello"
    assert (
        told(SAME, case=Case("q", SCRIPT.replace("    main()\n", "    sys.exit(main())\n")))
        == "The code ran to its end. It printed:\nHello"
    )
    assert told("print(__name__)", case=Case("q", SCRIPT)) == "The code ran to its end. It printed:\nHello\n__main__"
    dataclass = (
        "from dataclasses import dataclass\nimport pickle\n@dataclass\nclass A:\n    x: int = 1\nprint(pickle.loads(pickle.dumps(A())))"
    )
    assert told(SAME, case=Case("q", dataclass)) == "The code ran to its end. It printed:\nA(x=1)"


def test_with_tests_it_does_not(sandbox: Sandbox) -> None:
    answer = "def f():\n    return __name__\nif __name__ == '__main__':\n    raise SystemExit\n"
    assert code_tool(sandbox)(SAME, case=Case("q", answer, tests=("assert f() == 'answer'",))).startswith("The pass rate is 1.0.")
    assert code_tool(sandbox)("assert f() == 'answer'", case=Case("q", answer)).startswith("The pass rate is 1.0.")


@pytest.mark.parametrize("end", ["exit()", "quit()", "sys.exit()", "sys.exit(0)"])
def test_a_script_may_end_itself_as_any_script_may(end: str, sandbox: Sandbox) -> None:
    said = code_tool(sandbox)(SAME, case=Case("q", f"import sys\nprint(12)\n{end}\nprint(13)\n"))
    assert said == "The code ran to its end. It printed:\n12"


def test_a_script_that_ends_with_a_fault_has_failed(sandbox: Sandbox) -> None:
    for end in ("raise SystemExit(1)", "import sys; sys.exit('no')", "exit(2)", "quit('no')"):
        assert code_tool(sandbox)(SAME, case=Case("q", end)).startswith("The code failed."), end
