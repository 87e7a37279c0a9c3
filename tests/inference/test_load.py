"""From the name of a model to a judge, and what is closed with it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fakes import PHRASES, EchoTools, byte_tokenizer, tiny_bert, tiny_model
from themis import Case, load_judge
from themis.errors import ConfigError, DataError, ModelError
from themis.inference import Budget
from themis.inference.causal import CausalJudge
from themis.inference.client import JudgeClient
from themis.inference.encoder import EncoderJudge
from themis.inference.threads import with_threads
from themis.model.checkpoint import ModelMeta, save_model
from themis.model.encoder import new_encoder, save_encoder
from themis.model.named import check_name
from themis.model.reward_model import RewardModel
from themis.traces import Action

CASE = Case("How old?", "Seven.", id="seven")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tiny")
    tokenizer = byte_tokenizer(PHRASES)
    save_model(directory, tiny_model("llama", tokenizer), tokenizer, ModelMeta())
    return directory


def test_a_directory_becomes_a_judge_with_the_tools_it_is_given(directory: Path) -> None:
    toolbox = EchoTools()
    with load_judge(directory, toolbox=toolbox, budget=Budget(new_tokens=8), rationale="skip", strict=True, device="cpu") as judge:
        assert isinstance(judge, CausalJudge)
        rules = judge.rules
        assert (judge.toolbox, rules.budget, rules.write_rationale, rules.strict) == (toolbox, Budget(new_tokens=8), False, True)
        assert judge.judge(CASE).usage.new_tokens <= 8


def test_without_a_toolbox_it_opens_the_default_one_and_closes_it(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "themis.toml").write_text("[tools]\n")
    monkeypatch.chdir(tmp_path)
    judge = load_judge(str(directory))
    assert isinstance(judge, CausalJudge)
    week_day = Action("Calendar.week_day", "2015-03-24")
    assert judge.toolbox.submit(week_day, CASE).result().text == "Tuesday"
    judge.sampled(1.0, "seed").close()
    assert judge.toolbox.submit(week_day, CASE).result().text == "Tuesday", "a sampled judge opened nothing"
    judge.close()
    with pytest.raises(ConfigError, match="the toolbox is closed, so no tool can be called"):
        judge.toolbox.submit(week_day, CASE)
    judge.close()


def test_a_toolbox_that_somebody_else_opened_stays_open(directory: Path) -> None:
    toolbox = EchoTools()
    with load_judge(directory, toolbox=toolbox):
        pass
    assert toolbox.submit(Action("echo", "age"), CASE).result().text == "you said age"


def test_an_encoder_is_a_judge_too(tmp_path: Path) -> None:
    meta = ModelMeta(kind="encoder")
    save_encoder(tmp_path / "encoder", *new_encoder(tiny_bert(tmp_path / "bert")), meta)
    with load_judge(tmp_path / "encoder", batch_size=2) as judge:
        assert isinstance(judge, EncoderJudge)
        assert judge.batch_size == 2
        assert judge.judge(CASE).status == "scored"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"rationale": "maybe"}, "rationale: must be 'write' or 'skip', found 'maybe'"),
        ({"batch_size": 0}, "batch_size: must be a whole number of at least 1, found 0"),
        ({"batch_size": 1.5}, "batch_size: must be a whole number of at least 1, found 1.5"),
        ({"threads": 0}, "threads: must be a whole number of at least 1, found 0"),
        ({"device": "gpuu"}, "device: must be cpu, cuda, cuda:N, mps or xpu, found 'gpuu'"),
        ({"device": "cuda:99"}, "device: this machine, or its PyTorch, has no cuda:99"),
    ],
)
def test_a_setting_that_cannot_work_is_one_sentence(directory: Path, setting: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        load_judge(directory, toolbox=EchoTools(), **setting)


@pytest.mark.parametrize(("threads", "used"), [(None, 1), (3, 3)])
def test_a_small_model_judges_with_one_thread_and_leaves_the_process_its_own(
    directory: Path, threads: int | None, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    whole = RewardModel.reward

    def reward(model: RewardModel, state: torch.Tensor) -> torch.Tensor:
        seen.add(torch.get_num_threads())
        return whole(model, state)

    monkeypatch.setattr(RewardModel, "reward", reward)
    with with_threads(2):
        with load_judge(directory, toolbox=EchoTools(), device="cpu", threads=threads) as judge:
            judge.judge(CASE)
        assert torch.get_num_threads() == 2
    assert seen == {used}


@pytest.mark.parametrize("case", [{"question": "q", "answer": "a"}, "q", None])
def test_what_is_no_case_is_one_sentence(directory: Path, case: Any) -> None:
    with load_judge(directory, toolbox=EchoTools(), device="cpu") as judge, pytest.raises(DataError, match=r"^a judge takes a Case\("):
        judge.judge(case)


def test_a_tokenizer_that_is_not_there_is_one_sentence(directory: Path, tmp_path: Path) -> None:
    shutil.copytree(directory, tmp_path / "cut")
    for file in (tmp_path / "cut").glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ModelError, match="tokenizer"):
        load_judge(tmp_path / "cut", toolbox=EchoTools())


def test_an_address_gives_a_client_that_takes_no_settings_of_a_model() -> None:
    with load_judge("http://localhost:8000") as judge:
        assert isinstance(judge, JudgeClient)
    settings: dict[str, Any] = {"toolbox": EchoTools(), "budget": Budget(), "rationale": "skip", "batch_size": 2}
    settings |= {"device": "cpu", "strict": True, "threads": 2}
    for name, value in settings.items():
        with pytest.raises(ConfigError, match=rf"^{name}: the server at http://localhost:8000 decides that; leave it out here"):
            load_judge("http://localhost:8000", **{name: value})
    with pytest.raises(ConfigError, match=r"^http://localhost:8000 is the address of a server, and the weights themselves are needed"):
        check_name("http://localhost:8000")


def test_what_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^the address of a judge must be of the form http://host:port, found 'http://'"):
        load_judge("http://")
    with pytest.raises(ModelError, match=r"^no model 'nanno': give `nano`"):
        load_judge("nanno")
    with pytest.raises(ModelError, match=r"themis\.json is missing"):
        load_judge(tmp_path)
