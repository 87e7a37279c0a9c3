"""The runs behind the table: judges, supervised start, PPO against each judge, and what became of the policies.

Each step leaves a file or a folder, and is skipped where that is whole; training itself resumes. Judges remember their
verdicts, since the policies of all seeds say much the same.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from benchmarks.rlhf.facts import write_files
from themis.closing import Closing
from themis.config import read_recipe
from themis.curriculum.registry import Curriculum
from themis.evaluation.statistics import wilson_interval
from themis.files import write_whole
from themis.inference import load_judge
from themis.integrations.judges import RememberingJudge
from themis.rlhf.compare import answers_of, paired, tally, votes_of_judge, votes_of_tools
from themis.rlhf.perplexity import perplexity_of, ratio_interval
from themis.rlhf.policy import Policy, load_policy
from themis.rlhf.ppo.run import Services, train_ppo
from themis.rlhf.prompts import Prompt, read_held
from themis.rlhf.recipe import RlhfRecipe
from themis.rlhf.rewards import Rewarder
from themis.rlhf.sft import train_sft
from themis.rlhf.truth import Truth
from themis.tools import Toolbox
from themis.traces import Action, Case, Judge, Observation
from themis.training.recipe import TrainRecipe
from themis.training.run import train as train_judge

JUDGES = ("themis", "vanilla")
POLICIES = ("base", "SFT", "PPO(vanilla)", "PPO(Themis)")
OF_JUDGE = {"themis": "PPO(Themis)", "vanilla": "PPO(vanilla)"}
POLICY = {
    "model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2,
    "head_dim": 32, "intermediate_size": 128, "max_position_embeddings": 512, "tie_word_embeddings": True,
}  # fmt: skip
"""0.2M parameters: it reads a question and one of a few values, and no more is asked of it."""
SETTINGS = (
    "data.shares=[]", "sft.epochs=10", "sft.learning_rate=2e-3", "sft.answers_per_step=16", "sft.answers_at_once=16",
    "ppo.prompts_per_step=64", "ppo.parts=2", "ppo.epochs=3", "ppo.answers_at_once=64", "ppo.new_tokens=12",
    "ppo.learning_rate=1e-3", "ppo.value_learning_rate=1e-3", "ppo.kl=0.2",
    "logging.measured_answers=0", "logging.save_every=50",
)  # fmt: skip
VANILLA = (
    "model.name=nano", "run.tokens_per_step=1024", "run.lengths=[64,96,128,192,320]", "run.compile=false", "run.bf16=false",
    "run.learning_rate=5e-4", "data.forged_share=0", "data.built=null", "logging.measured_pairs=8",
    'data.mixture={"files": 0.5, "rules/calendar": 0.2, "rules/weather": 0.1, "rules/multi_tools": 0.1, "rules/calculator": 0.1}',
)  # fmt: skip
"""From nano's weights, on pairs of the reward model's facts and on endless pairs of the same kinds."""


class Bench(Closing):
    """The folder of the benchmark, its judges and tools, which are opened when they are first needed."""

    def __init__(self, out: Path, steps: int, vanilla_steps: int) -> None:
        self.out, self.steps, self.vanilla_steps = out, steps, vanilla_steps
        self._opened = ExitStack()
        self.toolbox: Toolbox = self._opened.enter_context(_tools())
        self.truth = Truth(self.toolbox.call)
        self.judges: dict[str, Judge] = {}
        write_files(out)

    def close(self) -> None:
        """Closes judges and tools."""
        self._opened.close()

    def judge(self, name: str) -> Judge:
        """nano, or the plain reward model, which is trained first where it is not there yet."""
        if name not in self.judges:
            model: str | Path = "nano" if name == "themis" else self._vanilla()
            opened = load_judge(model, toolbox=self.toolbox, rationale="skip", batch_size=64)
            self.judges[name] = self._opened.enter_context(RememberingJudge(opened))
        return self.judges[name]

    def recipe(self, seed: int, part: str, *others: str) -> RlhfRecipe:
        """The recipe `nano` on the questions of a part."""
        files = [f'data.files=["{self.out / part}.jsonl"]', f'data.held_files=["{self.out / "held"}.jsonl"]', "data.tara=[]"]
        config = [f"policy.config={json.dumps(POLICY)}", f"seed={seed}"]
        return read_recipe("nano", RlhfRecipe, [*SETTINGS, *config, *files, *others], kind="rlhf")

    def policy(self, name: str, seed: int) -> Policy:
        """One of the four, trained where it is not there yet."""
        if name == "base":
            torch.manual_seed(seed)
            return load_policy(self.recipe(seed, "sft").policy)
        return load_policy(replace(self.recipe(seed, "sft").policy, name=str(self.trained(name, seed))))

    def trained(self, name: str, seed: int) -> Path:
        """The folder of a policy."""
        folder = folder_of(self.out, name, seed)
        if (folder / "model.safetensors").is_file():
            return folder
        print(f"trains {folder.name}", flush=True)
        if name == "SFT":
            return train_sft(self.recipe(seed, "sft"), folder)
        judge = next(judge for judge, policy in OF_JUDGE.items() if policy == name)
        recipe = self.recipe(seed, "ppo", f"policy.name={self.trained('SFT', seed)}", f"ppo.steps={self.steps}")
        return train_ppo(recipe, folder, Services(self.judge(judge), self.truth.check, on_step=_told))

    def held(self) -> list[Prompt]:
        """PPO's facts in wordings that nothing was trained on."""
        return read_held(self.recipe(1, "ppo").data, None)

    def _vanilla(self) -> Path:
        folder = self.out / "vanilla"
        if (folder / "model.safetensors").is_file():
            return folder
        begun = time.process_time()
        given = [*VANILLA, f'data.files=["{self.out / "pairs"}.jsonl"]']
        numbers = [f"run.steps={self.vanilla_steps}", f"logging.measure_every={self.vanilla_steps}"]
        train_judge(read_recipe("nano-vanilla", TrainRecipe, [*given, *numbers]), folder, curriculum=Curriculum())
        write_whole(self.out / "vanilla.json", json.dumps({"cpu_seconds": time.process_time() - begun, "steps": self.vanilla_steps}))
        return folder


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Where a policy of a seed lies: `ppo-themis-1`."""
    return out / f"{name.lower().replace('(', '-').rstrip(')')}-{seed}"


def _tools() -> Any:
    from themis.cli.rlhf.shared import tools

    return tools()


def _told(step: int, steps: int, row: Mapping[str, Any]) -> None:
    if step % 10 == 0 or step == steps:
        shown = ", ".join(f"{name} {row[name]:.2f}" for name in ("reward", "kl", "true", "ended", "seconds") if row.get(name) is not None)
        print(f"step {step} of {steps}: {shown}", flush=True)


# --- what is measured ------------------------------------------------------------------------------


def measured(bench: Bench, name: str, seed: int, tara: Sequence[Prompt]) -> dict[str, Any]:
    """One policy of one seed: its answers to the held-out questions, their truth, and their rewards by both judges."""
    policy, prompts, recipe = bench.policy(name, seed), bench.held(), bench.recipe(seed, "ppo")
    answers = answers_of(policy, prompts, recipe.ppo, seed)
    said = [answers[prompt.case.id] for prompt in prompts]
    true = [bench.truth.check(prompt, answer) is True for prompt, answer in zip(prompts, said, strict=True)]
    rewards = {judge: _rewards(bench.judge(judge), prompts, said) for judge in JUDGES}
    return {
        "policy": name,
        "seed": seed,
        "true": true,
        "facts": [prompt.case.id.rpartition("-")[0] for prompt in prompts],
        "tasks": [prompt.task for prompt in prompts],
        "rewards": rewards,
        "length": fmean(len(policy.answer_ids(answer)) for answer in said),
        "perplexity_tara": perplexity_of(policy, tara, 32).to_json(),
        "perplexity_held": perplexity_of(policy, prompts, 32).to_json(),
        "answers": said,
    }


def _rewards(judge: Judge, prompts: Sequence[Prompt], answers: Sequence[str]) -> list[float | None]:
    with Rewarder(judge) as rewarder:
        return rewarder.judge([prompt.answered(answer) for prompt, answer in zip(prompts, answers, strict=True)])


def judges_on_pairs(bench: Bench) -> dict[str, Any]:
    """How often each judge prefers the true answer to each wrong one, on PPO's facts."""
    from benchmarks.rlhf.facts import facts_of, wordings
    from themis.phrases import filled

    found: dict[str, Any] = {}
    facts = facts_of("ppo")
    cases = [
        Case(filled(wordings(fact.kind, held=True)[0], fact.facts), fact.said(value))
        for fact in facts
        for value in (fact.value, *fact.others)
    ]
    for name in JUDGES:
        verdicts = dict(bench.judge(name).judge_all(cases))
        rewards, right, pairs, at = [verdicts[place].reward for place in range(len(cases))], 0, 0, 0
        for fact in facts:
            own = rewards[at : at + 1 + len(fact.others)]
            right += sum(own[0] is not None and other is not None and own[0] > other for other in own[1:])
            pairs, at = pairs + len(fact.others), at + len(own)
        found[name] = {"right": right, "pairs": pairs, "interval": wilson_interval(right, pairs)}
    return found


def compared(bench: Bench, seed: int) -> list[dict[str, Any]]:
    """Votes on PPO(Themis) against PPO(vanilla), by the tools and by both judges in both orders."""
    prompts, ppo = bench.held(), bench.recipe(seed, "ppo").ppo
    answers = [answers_of(bench.policy(name, seed), prompts, ppo, seed) for name in ("PPO(Themis)", "PPO(vanilla)")]
    pairs = paired(prompts, *answers)
    rows = votes_of_tools(pairs, bench.truth.check)
    for name in JUDGES:
        with Rewarder(bench.judge(name)) as rewarder:
            rows += votes_of_judge(pairs, rewarder, name)
    return [{**row, "id": f"{row['id']} of seed {seed}"} for row in rows]


def counts(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """win : tie : lose by voter, over all seeds."""
    return tally(rows, wilson_interval)


def by_fact(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float, float, int]:
    """The share of true answers of some rows, its 95 % interval over facts, and of how many answers.

    The wordings of one fact stand or fall together, so the interval is over facts and seeds.
    """
    sums: dict[str, list[int]] = {}
    for row in rows:
        for fact, true in zip(row["facts"], row["true"], strict=True):
            entry = sums.setdefault(f"{row['seed']}/{fact}", [0, 0])
            entry[0] += true
            entry[1] += 1
    right, asked = zip(*sums.values(), strict=True)
    low, high = ratio_interval(right, asked)
    return sum(right) / sum(asked), max(0.0, low), min(1.0, high), sum(asked)


class Timed:
    """Tools with a clock: seconds from asking one to its result."""

    def __init__(self, tools: Toolbox) -> None:
        self._tools, self.seconds = tools, 0.0

    def submit(self, action: Action, case: Case) -> Future[Observation]:
        """As the judge calls it."""
        begun = time.perf_counter()
        coming = self._tools.submit(action, case)
        coming.add_done_callback(lambda _: self._add(time.perf_counter() - begun))
        return coming

    def _add(self, seconds: float) -> None:
        self.seconds += seconds


def unremembered_seconds(bench: Bench, count: int = 64) -> dict[str, float]:
    """Seconds in which nano judges some true answers that it has not seen, and those of their tools."""
    tools, prompts = Timed(bench.toolbox), bench.held()[:count]
    with load_judge("nano", toolbox=tools, rationale="skip", batch_size=64) as judge:
        begun = time.perf_counter()
        made = sum(verdict.usage.tool_calls for _, verdict in judge.judge_all([prompt.case for prompt in prompts]))
        seconds = time.perf_counter() - begun
    return {"seconds": seconds, "tool_seconds": tools.seconds, "calls": made, "answers": len(prompts)}
