"""PPO as a whole: it learns, it resumes, it leaves out what has no reward, it stops where it should."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.rlhf.runs import log_of, longer, recipe, replace, services, started, train_ppo
from tests.serve.serving import free_port
from themis.errors import ConfigError, DataError, RunawayError, ServerError
from themis.hyperparameters import Lora
from themis.rlhf.ppo.advantages import Scale
from themis.rlhf.ppo.models import load_models
from themis.rlhf.ppo.rollouts import Rollout, roll_out
from themis.rlhf.ppo.run import Services
from themis.rlhf.ppo.update import targets_of
from themis.rlhf.prompts import Prompt
from themis.rlhf.questions import Asked, batch_of_step
from themis.rlhf.recipe import Logging, Reward, check_recipe
from themis.rlhf.rewards import Judged, Rewarder
from themis.traces import Case, Judge
from themis.traces.trace import Verdict

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that says one of four words."""
    return started(tmp_path_factory.mktemp("start"))


def same_weights(one: Path, other: Path) -> float:
    """The largest difference between two policies."""
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def test_a_tiny_policy_learns_that_longer_is_better(start: Path, tmp_path: Path) -> None:
    run = recipe(
        tmp_path, name=str(start), steps=24, prompts_per_step=32, new_tokens=16, answers_at_once=32, kl=0.02,
        learning_rate=3e-3, value_learning_rate=3e-3,
    )  # fmt: skip
    train_ppo(replace(run, reward=Reward(normalise=False, no_end=0.0)), tmp_path / "out", services())
    rows = log_of(tmp_path / "out")
    assert rows[0]["score"] < 0.6  # it begins with one word of four letters
    assert sum(row["score"] for row in rows[-4:]) / 4 > 1.2
    assert sum(row["length"] for row in rows[-4:]) / 4 > 2 * rows[0]["length"]
    assert rows[0]["kl"] == pytest.approx(0.0, abs=1e-3)
    assert rows[-1]["kl"] > 1.0
    assert {"approx_kl", "ratio", "clip_share", "entropy", "explained_variance", "ended", "reward_deviation", "without_reward"} <= set(
        rows[0]
    )
    assert (tmp_path / "out" / "log.png").stat().st_size > 10_000


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.serve.serving import free_port
from tests.rlhf.runs import recipe, services, train_ppo

def end(step, steps, row):
    if step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

folder, start = Path(sys.argv[1]), sys.argv[2]
train_ppo(recipe(folder, name=start, steps=5, kl_target=1.0, kl_horizon=20.0), folder / "killed", services(on_step=end))
"""


def python(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    with_root = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, env=with_root, cwd=ROOT)


def test_a_run_that_was_killed_resumes_and_ends_with_the_same_weights(start: Path, tmp_path: Path) -> None:
    run = recipe(tmp_path, name=str(start), steps=5, kl_target=1.0, kl_horizon=20.0)
    train_ppo(run, tmp_path / "whole", services())
    killed = python("-c", KILLED, tmp_path, start)
    assert killed.returncode == -9, killed.stderr
    assert len(log_of(tmp_path / "killed")) == 3  # one step more than the checkpoint knows
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    heard: list[str] = []
    train_ppo(run, tmp_path / "killed", services(notice=heard.append))
    assert "resumes after step 2 of 5" in heard
    assert same_weights(tmp_path / "whole", tmp_path / "killed") == 0.0
    rows = [log_of(tmp_path / name) for name in ("whole", "killed")]
    for one, other in zip(*rows, strict=True):
        assert {name: value for name, value in one.items() if "seconds" not in name} == {
            name: value for name, value in other.items() if "seconds" not in name
        }
    assert rows[0][0]["kl_coefficient"] != rows[0][-1]["kl_coefficient"]
    states = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "killed")]
    torch.testing.assert_close(states[0], states[1], rtol=0, atol=0)


def test_another_recipe_does_not_take_the_folder(start: Path, tmp_path: Path) -> None:
    run = recipe(tmp_path, name=str(start), steps=1)
    train_ppo(run, tmp_path / "out", services())
    other = recipe(tmp_path, name=str(start), steps=1, kl=0.5)
    with pytest.raises(ConfigError, match=r"holds another run \(recipe: ppo: kl was 0\.05, is now 0\.5\): give another --out"):
        train_ppo(other, tmp_path / "out", services())
    train_ppo(other, tmp_path / "out", services(), overwrite=True)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="holds files that no run of this kind wrote"):
        train_ppo(run, tmp_path / "theirs", services())


def rollout(place: int, reward: float | None, ended: bool = True, tokens: int = 2) -> Rollout:
    asked = Asked(place, Prompt(Case("q", "")), [1])
    zero = torch.zeros(tokens)
    return Rollout(asked, [5] * tokens, "a", ended, reward, zero, zero, zero)


def test_what_has_no_reward_leaves_the_update_and_is_counted(tmp_path: Path) -> None:
    run = replace(recipe(tmp_path), reward=Reward(no_end=None))
    batch = [rollout(0, 1.0), rollout(1, None), rollout(2, 3.0), rollout(3, None, ended=False)]
    targets, told = targets_of(batch, Scale(), 0.1, run)
    assert targets.mask.tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]
    assert targets.advantages[[1, 3]].abs().sum() == 0
    # The mean is over the two answers that have a reward: a missing one is no 0.
    assert (told["reward"], told["score"], told["without_reward"], told["left_out"], told["ended"]) == (2.0, 2.0, 0.25, 2, 0.75)
    alone, _ = targets_of([batch[0], batch[2]], Scale(), 0.1, run)
    assert torch.equal(targets.advantages[[0, 2]], alone.advantages)
    penalised, told = targets_of(batch, Scale(), 0.1, replace(run, reward=Reward(no_end=-1.0)))
    assert penalised.mask.tolist() == [[1, 1], [0, 0], [1, 1], [1, 1]]
    assert told["score"] == 1.0


def test_a_step_without_any_reward_changes_nothing(start: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    run = recipe(tmp_path, name=str(start), steps=2)
    train_ppo(run, tmp_path / "out", services(lambda cases: [None] * len(cases), notice=heard.append))
    assert same_weights(start, tmp_path / "out") == 0.0
    assert "step 1: no answer has a reward, so nothing is learned from it" in heard
    assert [(row["reward"], row["without_reward"]) for row in log_of(tmp_path / "out")] == [(None, 1.0), (None, 1.0)]


class Watching(Judge):
    """Waits in its first part until the policy has written the second one."""

    def __init__(self) -> None:
        self.second_written = threading.Event()

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        assert self.second_written.wait(timeout=60), "the policy waited for the judge"
        yield from ((place, Verdict("", 1.0, None)) for place, _ in enumerate(cases))


class Counted(Rewarder):
    """Tells its judge that the second part is here."""

    def __init__(self, judge: Watching) -> None:
        super().__init__(judge)
        self.parts: list[int] = []
        self.written = judge.second_written

    def submit(self, cases: Sequence[Case]) -> "Future[list[Judged]]":
        self.parts.append(len(cases))
        if len(self.parts) == 2:
            self.written.set()
        return super().submit(cases)


def test_the_policy_writes_the_next_part_while_the_judge_works(start: Path, tmp_path: Path) -> None:
    run = recipe(tmp_path, name=str(start))
    models = load_models(run, "cpu")
    asked = [Asked(place, Prompt(Case("who?", "")), models.policy.prompt_ids(Case("who?", ""))) for place in range(8)]
    with Counted(Watching()) as rewarder:
        rollouts, seconds = roll_out(models, asked, 0, run.seed, run.ppo, rewarder)
    assert rewarder.parts == [4, 4]
    assert [answer.reward for answer in rollouts] == [1.0 if answer.ended else None for answer in rollouts]
    assert seconds.writing > 0


class Down(Judge):
    def __init__(self, until: int) -> None:
        self.asked, self.until = 0, until

    def judge_all(self, cases: Iterable[Case]) -> Iterator[tuple[int, Verdict]]:
        cases = list(cases)
        self.asked += 1
        if self.asked > self.until:
            raise ServerError("the server is away")
        yield from enumerate(Verdict("", reward, None) for reward in longer(cases))


def test_a_judge_that_stays_away_stops_the_run_with_everything_kept(start: Path, tmp_path: Path) -> None:
    run = replace(recipe(tmp_path, name=str(start), steps=3, parts=1), reward=Reward(normalise=False, no_end=None, wait_seconds=0.0))
    heard: list[str] = []
    with pytest.raises(ServerError):
        train_ppo(run, tmp_path / "out", Services(Down(until=1), notice=heard.append))
    assert heard[-1] == "stops after step 1, which is kept: the same command resumes"
    train_ppo(run, tmp_path / "out", services(notice=heard.append))
    assert "resumes after step 1 of 3" in heard
    train_ppo(run, tmp_path / "whole", services())
    assert same_weights(tmp_path / "whole", tmp_path / "out") == 0.0


def test_it_stops_where_the_reward_or_the_divergence_runs_away(start: Path, tmp_path: Path) -> None:
    with pytest.raises(RunawayError, match=r"stopped at step 1: the mean reward is 9\d\d\.\d deviations"):
        train_ppo(
            recipe(tmp_path, name=str(start), steps=3), tmp_path / "a", services(lambda cases: [999.0 - len(case.answer) for case in cases])
        )
    fast = recipe(tmp_path, name=str(start), steps=9, stop_kl=0.5, learning_rate=1e-2)
    with pytest.raises(RunawayError, match="left its reference by a KL of"):
        train_ppo(replace(fast, logging=Logging(save_every=1)), tmp_path / "b", services())
    assert (tmp_path / "b" / "checkpoint.pt").exists()


def test_constant_rewards_are_said_not_divided_by(start: Path, tmp_path: Path) -> None:
    heard: list[str] = []
    run = replace(recipe(tmp_path, name=str(start), steps=3), reward=Reward(normalise=True, no_end=None))
    train_ppo(run, tmp_path / "out", services(lambda cases: [2.0] * len(cases), notice=heard.append))
    assert "the 4 rewards of reference answers are constant, so rewards are taken as they are" in heard
    assert "the judge gave every answer of 3 steps the same reward: there is nothing to learn from it" in heard


def test_questions_longer_than_the_context_are_one_sentence(start: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all 4 questions are too long: the policy reads 128 tokens, the shortest question has"):
        train_ppo(recipe(tmp_path, name=str(start), new_tokens=127), tmp_path / "out", services())


def test_each_pass_asks_every_question_once_in_an_order_of_its_own() -> None:
    asked = [Asked(0, Prompt(Case(str(number), "")), [number]) for number in range(5)]
    seen = [each.token_ids[0] for step in range(5) for each in batch_of_step(asked, step, 3, seed=1)]
    passes = [seen[:5], seen[5:10], seen[10:]]
    assert [sorted(each) for each in passes] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(each) for each in passes}) == 3
    assert [each.place for each in batch_of_step(asked, 4, 3, seed=1)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("section", "key", "value", "says"),
    [
        ("ppo", "temperature", 0.0, r"ppo\.temperature: must be more than 0"),
        ("ppo", "lam", 1.5, r"ppo\.lam: must be from 0 to 1"),
        ("ppo", "minibatches", 9, r"ppo\.minibatches: 8 answers a step"),
        ("data", "shares", (0.5, 0.6), r"data\.shares: give three shares that add up to 1"),
        ("data", "files", (), "the recipe names no questions"),
        ("policy", "config", {}, "give `name` of a pretrained model, or `config` with its model_type"),
        ("policy", "dtype", "bfloat16", "steps of the optimizer are lost in bfloat16"),
    ],
)
def test_values_that_cannot_work_are_one_sentence(tmp_path: Path, section: str, key: str, value: Any, says: str) -> None:
    run = recipe(tmp_path)
    with pytest.raises(ConfigError, match=says):
        check_recipe(replace(run, **{section: replace(getattr(run, section), **{key: value})}))


TWO = """
import sys
from pathlib import Path
from tests.serve.serving import free_port
from tests.rlhf.runs import recipe, services, train_ppo

folder, start, out = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
run = recipe(folder, name=start, steps=3, prompts_per_step=9, answers_at_once=2, minibatches=2, ptx=0.5)
train_ppo(run, folder / out, services())
"""


def test_two_processes_train_as_one_does(start: Path, tmp_path: Path) -> None:
    program = tmp_path / "two.py"
    program.write_text(TWO)
    recipe(tmp_path)
    one = python(program, tmp_path, start, "one")
    assert one.returncode == 0, one.stderr
    two = in_two_processes(program, tmp_path, start, "two")
    assert two.returncode == 0, two.stderr
    assert same_weights(start, tmp_path / "one") > 1e-4
    assert same_weights(tmp_path / "one", tmp_path / "two") < 1e-4
    first, second = (log_of(tmp_path / name) for name in ("one", "two"))
    assert [row["reward"] for row in first] == pytest.approx([row["reward"] for row in second], abs=1e-4)


def in_two_processes(*words: Any) -> "subprocess.CompletedProcess[str]":
    return python("-m", "torch.distributed.run", "--nproc-per-node", 2, "--master-port", free_port(), *words, CUDA_VISIBLE_DEVICES="")


DOWN = """
import os, sys
from dataclasses import replace
from pathlib import Path
from tests.serve.serving import free_port
from tests.rlhf.runs import longer, recipe, services, train_ppo
from themis.errors import ServerError
from themis.rlhf.recipe import Logging, Reward

folder, start, steps = Path(sys.argv[1]), sys.argv[2], 0

def goes_down(cases):
    global steps
    steps += 1
    if os.environ["RANK"] == "1" and steps > 4:
        raise ServerError("the judge is gone")
    return longer(cases)

run = recipe(folder, name=start, steps=5, prompts_per_step=8, parts=2)
run = replace(run, reward=replace(run.reward, wait_seconds=0.0), logging=Logging(save_every=100))
train_ppo(run, folder / "out", services(goes_down, notice=lambda text: print(text, file=sys.stderr)))
"""


def test_a_judge_that_is_down_for_one_process_stops_both_and_all_whole_steps_are_kept(start: Path, tmp_path: Path) -> None:
    program = tmp_path / "down.py"
    program.write_text(DOWN)
    recipe(tmp_path)
    run = in_two_processes(program, tmp_path, start)
    assert run.returncode != 0
    kept = re.search(r"stops after step (\d), which is kept", run.stderr)
    assert kept, run.stderr
    assert "the judge is gone" in run.stderr
    assert torch.load(tmp_path / "out" / "checkpoint.pt", weights_only=False)["step"] == int(kept[1]) >= 1


def unused(cases: Sequence[Case]) -> list[float | None]:
    raise AssertionError(cases)


def test_a_run_that_is_done_trains_no_more(start: Path, tmp_path: Path) -> None:
    run = replace(recipe(tmp_path, name=str(start), steps=1), logging=Logging(report_to=("tensorboard",)))
    train_ppo(run, tmp_path / "out", services())
    assert list((tmp_path / "out" / "tensorboard").glob("events.*"))
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    train_ppo(run, tmp_path / "out", services(unused))
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before


def test_adapters_are_trained_resumed_and_merged_at_the_end(start: Path, tmp_path: Path) -> None:
    run = recipe(tmp_path, name=str(start), steps=2)
    run = replace(run, policy=replace(run.policy, lora=Lora(r=2, alpha=4, dropout=0.0)), logging=Logging(save_every=1))
    train_ppo(run, tmp_path / "whole", services())
    train_ppo(replace(run, ppo=replace(run.ppo, steps=1)), tmp_path / "parts", services())
    train_ppo(run, tmp_path / "parts", services())
    assert same_weights(tmp_path / "whole", tmp_path / "parts") == 0.0
    before, after = (load_file(folder / "model.safetensors") for folder in (start, tmp_path / "whole"))
    changed = {name.rpartition("layers.")[2][2:] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"self_attn.q_proj.weight", "self_attn.v_proj.weight"}
