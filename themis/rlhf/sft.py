"""The supervised start: a policy learns to write the reference answers, each with its end.

A plain loop, as PPO's own: the order of the answers depends on the seed alone, so a run that was killed resumes
exactly. The loss is over the tokens of the answers, and not over the questions.
Source: arXiv:2203.02155, section 3.5; the setting of arXiv:2310.01045.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from themis.config import data_root
from themis.errors import DataError
from themis.rlhf.folder import RunFolder
from themis.rlhf.policy import Policy, answer_logits, batch_of, load_policy, prepare_training, save_policy, trained
from themis.rlhf.ppo.losses import ptx_loss
from themis.rlhf.ppo.models import optimizer_of, put_back
from themis.rlhf.processes import Processes, joined
from themis.rlhf.prompts import Prompt, read_prompts
from themis.rlhf.questions import order_of
from themis.rlhf.recipe import RlhfRecipe, Sft, check_recipe
from themis.rlhf.trackers import Trackers
from themis.training.checks import check_trackers

Row = tuple[list[int], list[int]]
"""The tokens of a question, and those of its answer with its end."""
OnStep = Callable[[int, int, Mapping[str, Any]], None]


def train_sft(
    recipe: RlhfRecipe,
    out: Path,
    *,
    notice: Callable[[str], None] = print,
    on_step: OnStep = lambda step, steps, row: None,
    device: str = "cpu",
    overwrite: bool = False,
) -> Path:
    """Train a policy on the reference answers of its part of the questions; it is written to `out`."""
    check_recipe(recipe)
    check_trackers(recipe.logging.report_to)
    with joined() as processes:
        first = not processes.rank
        notice = notice if first else lambda text: None
        prompts = [prompt for prompt in read_prompts(recipe.data, data_root(), "sft", notice) if prompt.case.answer]
        torch.manual_seed(recipe.seed)
        policy = load_policy(recipe.policy)
        policy.lm.to(device)
        prepare_training(policy.lm, recipe.policy)
        rows = rows_of(policy, prompts, notice)
        folder = RunFolder(out, "sft", recipe, prompts, overwrite, first)
        processes.wait()
        optimizer = optimizer_of(policy.lm, recipe.sft.learning_rate)
        done = _resume(folder, policy, optimizer, notice, first)
        per_epoch = -(-len(rows) // recipe.sft.answers_per_step)
        steps = recipe.sft.epochs * per_epoch
        with Trackers(recipe.logging.report_to if first else (), out) as trackers:
            for step in range(done, steps):
                begun = time.monotonic()
                epoch, place = divmod(step, per_epoch)
                order = order_of(len(rows), recipe.seed, epoch)[place * recipe.sft.answers_per_step :][: recipe.sft.answers_per_step]
                told = _step(policy, optimizer, [rows[at] for at in order], recipe.sft, processes)
                row = {"step": step + 1, **told, "seconds": time.monotonic() - begun}
                if first:
                    folder.log(row)
                    trackers.log(row)
                    if (step + 1) % recipe.logging.save_every == 0 or step + 1 == steps:
                        folder.save({"step": step + 1, "policy": dict(trained(policy.lm)), "optimizer": optimizer.state_dict()})
                on_step(step + 1, steps, row)
        if first:
            save_policy(policy, out)
        processes.wait()
    return out


def rows_of(policy: Policy, prompts: Sequence[Prompt], notice: Callable[[str], None]) -> list[Row]:
    """Questions and answers as tokens. Those longer than the context are left out and counted, never cut."""
    rows = [(policy.prompt_ids(prompt.case), policy.answer_ids(prompt.case.answer)) for prompt in prompts]
    fitting = [row for row in rows if len(row[0]) + len(row[1]) <= policy.context_length]
    if not fitting:
        raise DataError(f"of {len(rows)} questions with an answer none fits the {policy.context_length} tokens that the policy reads")
    if left := len(rows) - len(fitting):
        notice(f"left out: {left} of {len(rows)} answers, which are longer than the policy's context")
    return fitting


def _resume(folder: RunFolder, policy: Policy, optimizer: Optimizer, notice: Callable[[str], None], first: bool) -> int:
    state = folder.load(first)
    if state is None:
        return 0
    put_back(policy.lm, state["policy"])
    optimizer.load_state_dict(state["optimizer"])
    notice(f"resumes after step {state['step']}")
    return int(state["step"])


def _step(policy: Policy, optimizer: Optimizer, rows: Sequence[Row], settings: Sft, processes: Processes) -> dict[str, float]:
    tokens, loss = sum(len(answer) for _, answer in rows), 0.0
    parts = [rows[start : start + settings.answers_at_once] for start in range(0, len(rows), settings.answers_at_once)]
    for part in processes.share(parts):
        prompts, answers = [prompt for prompt, _ in part], [answer for _, answer in part]
        batch = batch_of(prompts, answers, policy.tokenizer.pad_token_id, policy.lm.device)
        with policy.computing():
            logits_BTV = answer_logits(policy.lm, batch)
        of_part = ptx_loss(logits_BTV, batch.answer_BT, batch.mask_BT, tokens)
        of_part.backward()
        loss += float(of_part.detach())
    weights = [weight for _, weight in trained(policy.lm)]
    processes.sum_gradients(weights)
    gradient = float(nn.utils.clip_grad_norm_(weights, settings.clip))
    optimizer.step()
    optimizer.zero_grad()
    return {"loss": processes.sums([loss])[0], "gradient": gradient, "tokens": tokens}
