"""PPO against a judge: write answers, judge them, update; until the steps are done.

A run that was killed resumes from its checkpoint and ends with the same weights. Questions, drawn tokens and the
order of minibatches depend on seed and step alone. So the checkpoint needs weights, optimizers, the KL coefficient,
the scale of the rewards, and the rewards that were given.

Sources: arXiv:2203.02155, arXiv:2403.17031; the setting of arXiv:2310.01045.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from themis.closing import Closing
from themis.config import data_root
from themis.errors import DataError, RunawayError, ServerError
from themis.files import write_whole
from themis.rlhf.curves import plot
from themis.rlhf.folder import PLOT, RunFolder
from themis.rlhf.policy import save_policy
from themis.rlhf.ppo.advantages import Scale, next_coefficient, scale_of
from themis.rlhf.ppo.models import Models, load_models
from themis.rlhf.ppo.rollouts import Rollout, Seconds, roll_out, share_true
from themis.rlhf.ppo.update import PtxBatch, targets_of, update
from themis.rlhf.processes import Processes, joined
from themis.rlhf.prompts import Prompt, read_prompts
from themis.rlhf.questions import Asked, batch_of_step, questions_that_fit
from themis.rlhf.recipe import RlhfRecipe, check_recipe
from themis.rlhf.rewards import Rewarder
from themis.rlhf.trackers import Trackers
from themis.traces import Judge
from themis.traces.case import case_key
from themis.training.checks import check_trackers

SAMPLES = "answers.jsonl"
"""The answers of the last step with their rewards, for people to look at."""
EQUAL_STEPS = 3
"""After so many steps in which all rewards are equal, a run says so."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a run is handed by its caller."""

    judge: Judge
    truth: Callable[[Prompt, str], bool | None] | None = None
    """Says whether an answer is true, by the tools; None where they cannot."""
    notice: Callable[[str], None] = print
    on_step: Callable[[int, int, Mapping[str, Any]], None] = lambda step, steps, row: None
    """Hears of each step that is done, of how many, with its numbers."""


@dataclass(slots=True)
class Progress:
    """What changes from step to step, beside the models."""

    step: int = 0
    """The steps that are done."""
    coefficient: float = 0.0
    scale: Scale = field(default_factory=Scale)
    equal: int = 0
    """Steps in a row whose rewards were all equal."""


def train_ppo(recipe: RlhfRecipe, out: Path, services: Services, *, device: str = "cpu", overwrite: bool = False) -> Path:
    """Train a policy by PPO; it is written to `out`. Resumes from the checkpoint there.

    Raises `RunawayError` where KL or reward run away, `ServerError` where the judge stays away; a checkpoint is kept.
    """
    check_recipe(recipe)
    check_trackers(recipe.logging.report_to)
    with joined() as processes, ExitStack() as opened:
        if processes.rank:
            services = Services(services.judge, services.truth, lambda text: None)
        prompts = read_prompts(recipe.data, data_root(), "ppo", services.notice)
        models = load_models(recipe, device)
        asked = questions_that_fit(models.policy, prompts, recipe.ppo.new_tokens, services.notice)
        folder = RunFolder(out, "ppo", recipe, prompts, overwrite, first=not processes.rank)
        processes.wait()
        rewarder = opened.enter_context(Rewarder(services.judge, recipe.reward.wait_seconds, services.notice))
        opened.enter_context(Run(recipe, folder, models, rewarder, services, asked, processes)).train()
    return out


class Run(Closing):
    """The loop, with all that it needs."""

    def __init__(
        self,
        recipe: RlhfRecipe,
        folder: RunFolder,
        models: Models,
        rewarder: Rewarder,
        services: Services,
        asked: Sequence[Asked],
        processes: Processes,
    ) -> None:
        self.recipe, self.folder, self.models, self.rewarder = recipe, folder, models, rewarder
        self.services, self.asked, self.processes = services, asked, processes
        self.ptx = self._ptx()
        self.steps = recipe.ppo.steps or -(-recipe.ppo.passes * len(self.asked) // recipe.ppo.prompts_per_step)
        self.progress = Progress(coefficient=recipe.ppo.kl)
        self.trackers = Trackers(recipe.logging.report_to if not processes.rank else (), folder.out)

    def close(self) -> None:
        """Lets the trackers end."""
        self.trackers.close()

    def train(self) -> None:
        """All steps that are left, then the policy, its curves."""
        self._begin()
        while self.progress.step < self.steps:
            try:
                row = self._step()
            except ServerError:
                self._save()
                self.processes.wait()  # torchrun ends all processes as soon as one of them has ended
                self.services.notice(f"stops after step {self.progress.step}, which is kept: the same command resumes")
                raise
            self._told(row)
            if self.progress.step % self.recipe.logging.save_every == 0 or self.progress.step == self.steps:
                self._save()
        if not self.processes.rank:
            plot(self.folder.rows(), self.folder.out / PLOT, self.services.notice)
            save_policy(self.models.policy, self.folder.out)
        self.processes.wait()

    def _step(self) -> dict[str, Any]:
        """Answers, rewards, advantages, update."""
        settings, progress = self.recipe.ppo, self.progress
        begun = time.monotonic()
        asked = batch_of_step(self.asked, progress.step, settings.prompts_per_step, self.recipe.seed)
        own, seconds = self._rolled_out(asked)
        rollouts = self._gathered(own)
        targets, row = targets_of(rollouts, progress.scale, progress.coefficient, self.recipe)
        self._check(row)
        updating = time.monotonic()
        measured = update(self.models, rollouts, targets, self.recipe, progress.step, self.processes, self.ptx)
        if not measured:
            self.services.notice(f"step {progress.step + 1}: no answer has a reward, so nothing is learned from it")
        row |= measured | self._timed(seconds, begun, updating, rollouts) | self._true(own)
        row["kl_coefficient"] = progress.coefficient
        progress.coefficient = next_coefficient(
            progress.coefficient, row["kl"], settings.kl_target, settings.kl_horizon, len(rollouts)
        )  # fmt: skip
        self._say_if_equal(rollouts)
        progress.step += 1
        if not self.processes.rank:
            write_whole(self.folder.out / SAMPLES, "".join(json.dumps(_sample(rollout)) + "\n" for rollout in rollouts))
        return {"step": progress.step, **{name: _finite(value) for name, value in row.items()}}

    def _rolled_out(self, asked: Sequence[Asked]) -> tuple[list[Rollout], Seconds]:
        """The answers of this process. Raises `ServerError` in all of them where the judge of one stays away."""
        own, seconds, problem = list[Rollout](), Seconds(), None
        try:
            own, seconds = roll_out(
                self.models, self.processes.share(asked), self.progress.step, self.recipe.seed, self.recipe.ppo, self.rewarder
            )
        except ServerError as error:
            problem = error
        self.processes.any_failed(problem)
        return own, seconds

    # --- begin, save, tell -------------------------------------------------------------------------

    def _begin(self) -> None:
        """From the checkpoint, or with the scale of the rewards on reference answers."""
        state = self.folder.load(first=not self.processes.rank)
        self.processes.wait()
        self.services.notice(self.models.size())
        if state:
            self.models.put_back(state)
            self.rewarder.put_back(state["rewards"])
            self.progress = Progress(state["step"], state["coefficient"], Scale(*state["scale"]), state["equal"])
            self.services.notice(f"resumes after step {self.progress.step} of {self.steps}")
            return
        if self.recipe.reward.normalise:
            self.progress.scale = self._scale()

    def _scale(self) -> Scale:
        """Mean and deviation of the rewards of reference answers."""
        cases = [asked.prompt.case for asked in self.asked if asked.prompt.case.answer][: self.recipe.reward.references]
        if not cases:
            self.services.notice("no question has a reference answer, so rewards are taken as they are")
            return Scale()
        rewards = [reward for reward in self.rewarder.judge(cases) if reward is not None]
        scale = scale_of(rewards)
        if scale is None:
            self.services.notice(f"the {len(rewards)} rewards of reference answers are constant, so rewards are taken as they are")
            return Scale()
        self.services.notice(f"rewards of {len(rewards)} reference answers: mean {scale.mean:.3f}, deviation {scale.deviation:.3f}")
        return scale

    def _save(self) -> None:
        if self.processes.rank:
            return
        progress = self.progress
        at = {"step": progress.step, "coefficient": progress.coefficient, "equal": progress.equal}
        scale = [progress.scale.mean, progress.scale.deviation]
        self.folder.save({**at, "scale": scale, "rewards": self.rewarder.kept(), **self.models.state()})

    def _told(self, row: dict[str, Any]) -> None:
        if not self.processes.rank:
            self.folder.log(row)
            self.trackers.log(row)
        self.services.on_step(self.progress.step, self.steps, row)

    def _check(self, row: Mapping[str, float]) -> None:
        """Raises `RunawayError`."""
        settings, at = self.recipe.ppo, f"stopped at step {self.progress.step + 1}"
        kept = "the last checkpoint is kept"
        if not math.isfinite(row["kl"]) or abs(row["kl"]) > settings.stop_kl:
            raise RunawayError(
                f"{at}: the policy left its reference by a KL of {row['kl']:.1f} an answer, more than ppo.stop_kl={settings.stop_kl:g}; "
                f"{kept}: give a larger ppo.kl, or a smaller ppo.learning_rate"
            )
        if abs(row["score"]) > settings.stop_reward:  # NaN where no answer has one
            raise RunawayError(
                f"{at}: the mean reward is {row['score']:.1f} deviations from that of the reference answers, more than "
                f"ppo.stop_reward={settings.stop_reward:g}; {kept}: look at {SAMPLES} for what the policy found"
            )

    def _say_if_equal(self, rollouts: Sequence[Rollout]) -> None:
        rewards = {rollout.reward for rollout in rollouts if rollout.reward is not None}
        self.progress.equal = self.progress.equal + 1 if len(rewards) == 1 else 0
        if self.progress.equal == EQUAL_STEPS:
            self.services.notice(f"the judge gave every answer of {EQUAL_STEPS} steps the same reward: there is nothing to learn from it")

    # --- what is measured --------------------------------------------------------------------------

    def _gathered(self, own: Sequence[Rollout]) -> list[Rollout]:
        rollouts = self.processes.gathered(own)
        if self.processes.world > 1:
            given = {case_key(each.asked.prompt.answered(each.text)): each.reward for each in rollouts if each.ended and each.text}
            self.rewarder.put_back({**self.rewarder.kept(), **given})
        return rollouts

    def _timed(self, seconds: Seconds, begun: float, updating: float, rollouts: Sequence[Rollout]) -> dict[str, float]:
        now = time.monotonic()
        tokens = sum(len(rollout.token_ids) for rollout in rollouts)
        return {
            "seconds_writing": seconds.writing,
            "seconds_reading": seconds.reading,
            "seconds_judging": seconds.judging,
            "seconds_waiting": seconds.waiting,
            "seconds_update": now - updating,
            "seconds": now - begun,
            "tool_calls": seconds.calls,
            "tokens": tokens,
        }

    def _true(self, own: Sequence[Rollout]) -> dict[str, float]:
        if self.services.truth is None:
            return {}
        true, settled = self.processes.sums(share_true(own, self.services.truth))
        return {"true": true / settled, "true_of": settled} if settled else {}

    def _ptx(self) -> PtxBatch | None:
        """Reference answers of the supervised part, as many at once as a minibatch has answers."""
        settings = self.recipe.ppo
        if not settings.ptx:
            return None
        policy = self.models.policy
        prompts = [prompt for prompt in read_prompts(self.recipe.data, data_root(), "sft", lambda text: None) if prompt.case.answer]
        pairs = [(policy.prompt_ids(prompt.case), policy.answer_ids(prompt.case.answer)) for prompt in prompts]
        pairs = [pair for pair in pairs if len(pair[0]) + len(pair[1]) <= policy.context_length]
        if not pairs:
            raise DataError("ppo.ptx: no question of the supervised part has an answer that fits the policy's context; give ppo.ptx=0")
        size = max(1, settings.prompts_per_step // settings.minibatches)

        def batch(number: int) -> tuple[list[list[int]], list[list[int]]]:
            some = [pairs[place % len(pairs)] for place in range(number * size, (number + 1) * size)]
            return [prompt for prompt, _ in some], [answer for _, answer in some]

        return batch


def _sample(rollout: Rollout) -> dict[str, Any]:
    case = rollout.asked.prompt.case
    return {"id": case.id, "question": case.question_text, "answer": rollout.text, "reward": rollout.reward, "ended": rollout.ended}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
