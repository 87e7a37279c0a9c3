"""One run of TRL's `PPOTrainer`: `python peer.py SETTING.json` prints a JSON row for each step.

It runs in an environment of its own, which has no Themis: so it imports nothing of ours. The trainer asks its reward
model for the hidden states of all tokens and reads the reward at the last one; ours has the reward itself there.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
from trl.experimental.ppo import PPOConfig, PPOTrainer


class Lengths(nn.Module):
    """The reward of each row at each of its tokens; counts the tokens of all answers.

    One that does not end gets the lowest reward of those that do, as ours does: see `reward.no_end`.
    """

    def __init__(self, tokenizer: Any, prompt: int, cap: int) -> None:
        super().__init__()
        self.tokenizer, self.prompt, self.cap = tokenizer, prompt, cap
        self.tokens: list[int] = []

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **others: Any) -> SimpleNamespace:
        reward_B, ended_B = torch.ones(len(input_ids)), torch.zeros(len(input_ids), dtype=torch.bool)
        for row, (ids, mask) in enumerate(zip(input_ids[:, self.prompt :], attention_mask[:, self.prompt :], strict=True)):
            answer = ids[mask.bool()].tolist()
            self.tokens.append(len(answer))
            ended_B[row] = self.tokenizer.eos_token_id in answer
            if self.cap:
                reward_B[row] = min(len(self.tokenizer.decode(answer, skip_special_tokens=True).strip()), self.cap) / 10
        if ended_B.any():
            reward_B[~ended_B] = reward_B[ended_B].min()
        return SimpleNamespace(hidden_states=[reward_B[:, None, None].expand(-1, input_ids.shape[1], 1)])


class RewardModel(nn.Module):
    """In the form that the trainer asks for."""

    base_model_prefix = "model"

    def __init__(self, lengths: Lengths) -> None:
        super().__init__()
        self.model, self.score = lengths, nn.Identity()


class Rows(TrainerCallback):
    """A row for each step, with the seconds since the row before."""

    def __init__(self, lengths: Lengths) -> None:
        self.lengths, self.rows, self.told = lengths, [], {}  # type: ignore[var-annotated]
        self.last = (time.perf_counter(), time.process_time())

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:
        self.told = logs

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        now, tokens = (time.perf_counter(), time.process_time()), self.lengths.tokens
        self.rows.append({
            "step": len(self.rows) + 1, "seconds": now[0] - self.last[0], "cpu_seconds": now[1] - self.last[1],
            "score": self.told["objective/scores"], "kl": self.told["objective/kl"],
            "length": sum(tokens) / len(tokens), "tokens": sum(tokens),
        })  # fmt: skip
        tokens.clear()
        self.last = now


def _value_model(folder: str, seed: int) -> Any:
    """With the head that ours begins with."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1, dtype=torch.float32)
    width = model.config.hidden_size
    model.score = nn.Linear(width, 1)
    with torch.no_grad():
        model.score.weight.normal_(std=(width + 1) ** -0.5, generator=torch.Generator().manual_seed(seed))
        model.score.bias.zero_()
    return model


def _arguments(setting: dict[str, Any], folder: str) -> PPOConfig:
    """Without gradient checkpoints and logging, in float32; its optimizer as ours is."""
    return PPOConfig(
        output_dir=folder, per_device_train_batch_size=setting["answers"], gradient_accumulation_steps=1, num_mini_batches=1,
        local_rollout_forward_batch_size=setting["answers"], total_episodes=setting["steps"] * setting["answers"],
        num_ppo_epochs=setting["epochs"], response_length=setting["new_tokens"], stop_token="eos",
        temperature=setting["temperature"], kl_coef=setting["kl"], vf_coef=1.0, learning_rate=setting["learning_rate"],
        lr_scheduler_type="constant", adam_beta1=0.9, adam_beta2=0.95, adam_epsilon=1e-5, weight_decay=0.0,
        gradient_checkpointing=False, bf16=False, use_cpu=True, num_sample_generations=0, report_to="none",
        save_strategy="no", disable_tqdm=True, seed=setting["seed"],
    )  # fmt: skip


def run(setting: dict[str, Any], folder: str) -> list[dict[str, Any]]:
    """All steps."""
    tokenizer = AutoTokenizer.from_pretrained(setting["policy"], padding_side="left")
    prompts = setting["prompts"]
    policy, reference = (AutoModelForCausalLM.from_pretrained(setting["policy"], dtype=torch.float32) for _ in range(2))
    lengths = Lengths(tokenizer, len(prompts[0]), setting["cap"])
    rows = Rows(lengths)
    trainer = PPOTrainer(
        args=_arguments(setting, folder),
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        reward_model=RewardModel(lengths),
        value_model=_value_model(setting["policy"], setting["seed"]),
        train_dataset=Dataset.from_dict({"input_ids": prompts}),
        callbacks=[rows],
    )
    trainer.train()
    return rows.rows


if __name__ == "__main__":
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out, contextlib.redirect_stdout(sys.stderr):
        found = run(json.loads(Path(sys.argv[1]).read_text()), out)
    for each in found:
        print(json.dumps(each))
