"""Options that commands share; mistakes are told before torch is imported; the same reward by every door."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mcp import Client

from tests.cli.conftest import Themis as Give
from tests.cli.conftest import sentence
from tests.cli.test_root import all_commands
from themis.cli import Themis
from themis.cli.groups import with_address
from themis.inference import JudgingService, load_judge
from themis.serve.mcp import mcp_server
from themis.tools import Toolbox
from themis.tools.demo import demo_tools
from themis.traces import Case

JUDGES = {"demo", "score", "mcp", "serve", "train", *(name for name in all_commands() if name.startswith("eval "))}
CASE = {"question": "What day of the week is 2015-03-24?", "answer": "A Tuesday."}


def options(command: str) -> set[str]:
    group, _, name = command.partition(" ")
    found = Themis.entries[group].command(group)
    return {option for parameter in (found.commands[name] if name else found).params for option in parameter.opts}


@pytest.mark.parametrize("command", sorted(JUDGES))
def test_every_command_that_judges_or_trains_takes_threads_device_and_limit(command: str) -> None:
    wanted = {"--threads", "--device"} if command in ("mcp", "serve") else {"--threads", "--device", "--limit"}
    assert wanted <= options(command)


# --- late errors -------------------------------------------------------------------------------------

LATE = {
    "score --cases none.jsonl --out v.jsonl": "none.jsonl cannot be read",
    "score --cases wrong.jsonl --out v.jsonl": "wrong.jsonl, line 2: field 'answer'",
    "score -q a -a b --settings none.toml": "no settings can be read from none.toml",
    "score -q a -a b --without calcualtor": "there is no tool 'calcualtor'",
    "score -q a -a b --tool translate.bakend=x": "no 'tools.translate.backend'",
    "score -q a -a b --model nanno": "no model 'nanno'",
    "score -q a -a b --device gpu": "device: must be cpu, cuda",
    "score -q a -a b --limit 3": "--limit counts the cases of --cases",
    "score -q a -a b --tools-mode replay --store none.db": "there is no store none.db",
    "demo --model nanno": "no model 'nanno'",
    "demo --device cuda:": "device: must be cpu, cuda",
    "mcp --model nanno": "no model 'nanno'",
    "mcp --http --host 0.0.0.0": "to serve on 0.0.0.0",
    "serve --model nanno": "no model 'nanno'",
    "serve --host 0.0.0.0": "to serve on 0.0.0.0",
    "serve --deadline 180": "--deadline must be above 0 and below 180",
    "eval bench pairs.jsonl --against nanno": "no model 'nanno'",
    "eval bench pairs.jsonl --limit 1 --save-temperature": "--save-temperature fits all items",
    "eval counterfactual none.jsonl": "none.jsonl cannot be read",
    "train nanno": "no recipe 'nanno'",
    "train nano lr=1": "unknown key 'lr', did you mean 'run.learning_rate'?",
    "train nano loss.bta=1": "did you mean 'loss.beta'?",
    "train nano loss.beta=-1": "loss.beta: must not be negative, found -1.0",
    "train nano --dry-run loss.beta=.nan": "loss.beta: must not be negative, found nan",
    "train nano --dry-run learning_rate=.inf": "learning_rate: must be a finite number",
    "train nano --dry-run model.name=nope": "no model 'nope'",
    "train nano data.files=[none.jsonl]": "data.files: there is no file 'none.jsonl'",
    "train nano data.built=none": "data.built: there is no folder 'none'",
    "train nano --device tpu": "device: must be cpu, cuda",
    "train nano --out -": "--out - is standard output",
    "build tarra.yaml --out o": "no recipe file 'tarra.yaml'",
    "build tara sede=1 --out o": "did you mean 'seed'?",
}
_GIVE_ALL = """
import json, sys
from typer.testing import CliRunner
from themis.cli import app
said = {}
for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, command.split())
    said[command] = [result.exit_code, result.stderr, "torch" in sys.modules]
print(json.dumps(said))
"""


def test_a_typo_is_told_in_one_sentence_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"question": "q", "answer": "a"}\n{"question": "q", "answer": 3}\n')
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    environment = {**os.environ, "THEMIS_DATA": "", "PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", _GIVE_ALL, json.dumps(list(LATE))]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    for command, (code, said, torch_came) in json.loads(done.stdout.splitlines()[-1]).items():
        assert (code, len(said.splitlines())) == (2, 1), f"{command}: {said}"
        assert LATE[command] in said, command
        assert not torch_came, command
    assert sorted(file.name for file in tmp_path.iterdir()) == ["pairs.jsonl", "wrong.jsonl"]


# --- one reward --------------------------------------------------------------------------------------


def test_the_reward_of_a_case_is_the_same_by_every_door(themis: Give, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEMIS_DATA", "")
    monkeypatch.chdir(tmp_path)
    Path("cases.jsonl").write_text(json.dumps(CASE) + "\n")
    Path("pairs.jsonl").write_text(json.dumps({"prompt": CASE["question"], "chosen": CASE["answer"], "rejected": "A Monday."}) + "\n")
    found = {"command line": json.loads(themis("score", "-q", CASE["question"], "-a", CASE["answer"], "--json").stdout)["reward"]}
    themis("score", "--cases", "cases.jsonl", "--out", "verdicts.jsonl", "--threads", 2, "--device", "cpu")
    found["file"] = json.loads(Path("verdicts.jsonl").read_text())["reward"]
    with load_judge(device="cpu") as judge:
        found["Python"] = judge.judge(Case(CASE["question"], CASE["answer"])).reward
    assert themis("eval", "bench", "pairs.jsonl", "--out", "bench.json").exit_code == 0
    rows = [json.loads(line) for line in Path("bench.verdicts.jsonl").read_text().splitlines()[1:]]
    found["eval"] = next(row["reward"] for row in rows if row["id"].endswith("chosen"))

    async def over_mcp(service: JudgingService, toolbox: Toolbox) -> Any:
        async with Client(mcp_server(toolbox, service)) as client:
            return (await client.call_tool("judge", CASE)).structured_content

    with Toolbox(demo_tools()) as toolbox, JudgingService(lambda: load_judge(toolbox=toolbox, device="cpu")) as service:
        found["mcp"] = asyncio.run(over_mcp(service, toolbox))["reward"]
    assert all(reward == pytest.approx(found["Python"], abs=1e-4) for reward in found.values()), found


# --- limits ------------------------------------------------------------------------------------------


def test_score_judges_the_first_cases_and_later_the_others(themis: Give, tiny: Path, tmp_path: Path) -> None:
    cases, out = tmp_path / "cases.jsonl", tmp_path / "out.jsonl"
    cases.write_text("".join(json.dumps({"question": "q", "answer": f"a{number}"}) + "\n" for number in range(4)))
    words = ("score", "--cases", cases, "--out", out, "--model", tiny, "--new-tokens", 4)
    first = themis(*words, "--limit", 2)
    assert "2 judged" in first.stderr
    assert "--limit 2: later cases are not judged" in first.stderr
    rows = out.read_text()
    assert "2 judged, 2 were there already" in themis(*words).stderr
    assert out.read_text().startswith(rows)
    assert "0 judged, 1 were there already" in themis(*words, "--limit", 1).stderr
    assert len(out.read_text().splitlines()) == 4


def test_a_limited_evaluation_says_so_and_its_verdicts_count_for_the_whole(themis: Give, tiny: Path, tmp_path: Path) -> None:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.json"
    rows = [{"prompt": f"q{n}", "chosen": "a", "rejected": "b", "subset": "odd" if n % 2 else "even"} for n in range(4)]
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("eval", "bench", pairs, "--out", out, "--model", tiny, "--new-tokens", 4)
    limited = themis(*words, "--limit", 1)
    assert "Only the first 1 of each task or subset (--limit)." in " ".join(limited.stdout.split())
    result = json.loads(out.read_text())
    assert {name: row["n"] for name, row in result["tasks"].items()} == {"even": 1, "odd": 1}
    assert result["settings"]["limit"] == 1
    themis("report", out, "--out", tmp_path / "page.html")
    assert "Only the first 1 of each task" in (tmp_path / "page.html").read_text()
    cache = (tmp_path / "out.verdicts.jsonl").read_text()
    assert "Only the first" not in themis(*words).stdout
    assert (tmp_path / "out.verdicts.jsonl").read_text().startswith(cache)
    assert "limit" not in json.loads(out.read_text())["settings"]


def test_a_device_that_is_not_there_is_one_sentence(themis: Give) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "this machine, or its PyTorch, has no cuda:1" in sentence(themis("score", "-q", "a", "-a", "b", "--device", "cuda:1"))


def test_ray_may_stand_alone_wherever_it_stands() -> None:
    assert with_address(["--ray", "--replicas", "2", "--ray"]) == ["--ray", "local", "--replicas", "2", "--ray", "local"]
    assert with_address(["--ray", "auto", "-m", "nano"]) == ["--ray", "auto", "-m", "nano"]
    assert with_address([]) == []
