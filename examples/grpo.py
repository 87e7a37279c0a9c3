"""A policy learns on which days of the week some dates fall, from nano's rewards alone, by TRL's GRPOTrainer.

    python examples/grpo.py                                  # some minutes on two cores
    python examples/grpo.py --steps 5 --warm-up 20           # a look
    python examples/grpo.py --judge http://127.0.0.1:8000    # the judge behind `themis serve`

A small causal language model, from random weights, first learns the form of an answer: it copies the date, and names
a day drawn by lot. Then GRPO rewards it by nano, which looks each date up in its calendar. Right and wrong are counted
by the calendar itself, before and after. The policy sees no right answer except through the reward. Needs trl and
datasets.
"""

import argparse
import random
import re
import tempfile
from datetime import date, timedelta
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoTokenizer, Qwen3Config, Qwen3ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from themis import Judge, load_judge
from themis.integrations import judge_of
from themis.integrations.judges import RememberingJudge
from themis.integrations.trl import reward_function
from themis.model.named import NANO
from themis.tools.calendar import week_day
from themis.tools.dates import WEEK_DAYS

DATES = [date(2015, 3, 24) + timedelta(days=397 * place) for place in range(8)]
SAMPLES = 32
"""Of each date, to measure by."""
GENERATIONS = 16
"""Of each date in a step."""
LONGEST = 14
"""Tokens of an answer; one of the form has 11."""


def question(day: date) -> str:
    return f"What day of the week is {day}?"


def prompt(day: date) -> str:
    """It ends with a line break, so that the tokens of the answer are those that nano knows."""
    return f"Question: {question(day)}\nAnswer:\n"


def answer(day: date, name: str) -> str:
    """It names its date, so that the policy has learned to look at it."""
    return f"{day} is a {name}."


def new_policy() -> tuple[Any, Any]:
    """Two layers, random weights; the words of nano, and a token that ends an answer."""
    tokenizer = AutoTokenizer.from_pretrained(NANO, padding_side="left")
    tokenizer.add_special_tokens({"eos_token": "<|end|>"})
    sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen3Config(**sizes, num_key_value_heads=2, head_dim=32, vocab_size=len(tokenizer), tie_word_embeddings=True)
    config.eos_token_id, config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    return Qwen3ForCausalLM(config), tokenizer


def warm_up(policy: Any, tokenizer: Any, steps: int, lots: random.Random) -> None:
    """Supervised: the form of an answer, with any day for any date."""
    optimizer = torch.optim.AdamW(policy.parameters(), lr=3e-3)
    asked = {day: tokenizer(prompt(day))["input_ids"] for day in DATES}
    for _ in range(steps):
        days = lots.choices(DATES, k=16)
        rows = [[*asked[day], *tokenizer(answer(day, lots.choice(WEEK_DAYS)) + tokenizer.eos_token)["input_ids"]] for day in days]
        tokens = torch.tensor(rows)  # of one length, as all dates and days have as many tokens
        labels = tokens.clone()
        labels[:, : len(asked[DATES[0]])] = -100
        policy(input_ids=tokens, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.inference_mode()
def accuracy(policy: Any, tokenizer: Any) -> float:
    """The share of sampled answers that name the day that the calendar names, and no other."""
    batch = tokenizer([prompt(day) for day in DATES], return_tensors="pt", padding=True, return_token_type_ids=False)
    tokens = policy.eval().generate(**batch, do_sample=True, top_k=0, max_new_tokens=LONGEST, num_return_sequences=SAMPLES)
    said = tokenizer.batch_decode(tokens[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    right = [re.findall("|".join(WEEK_DAYS), text) == [week_day(DATES[place // SAMPLES])] for place, text in enumerate(said)]
    return sum(right) / len(right)


def train(policy: Any, tokenizer: Any, judge: Judge, steps: int) -> None:
    """GRPO, by TRL's own trainer."""
    with tempfile.TemporaryDirectory() as folder:
        policy.save_pretrained(folder)
        policy.config._name_or_path = folder  # from there TRL reads the policy that this one is to stay near
        config = GRPOConfig(
            output_dir=f"{folder}/run",
            max_steps=steps,
            learning_rate=1e-3,
            lr_scheduler_type="constant",
            adam_epsilon=1e-5,
            beta=0.2,  # a pull to where it began: without one it leaves the form of an answer
            scale_rewards="batch",  # by its group, a group without a right answer would count as much as one with some
            per_device_train_batch_size=len(DATES) * GENERATIONS,  # every date in each step
            num_generations=GENERATIONS,
            max_completion_length=LONGEST,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            logging_steps=max(1, steps // 10),
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        data = Dataset.from_dict({"prompt": [prompt(day) for day in DATES], "question": [question(day) for day in DATES]})
        # Near 0 for a wrong day and for nonsense alike; by their rewards, nonsense is the better of the two.
        rewarded = reward_function(RememberingJudge(judge), question="question", number="probability")
        GRPOTrainer(policy, reward_funcs=rewarded, args=config, train_dataset=data, processing_class=tokenizer).train()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=160, help="of GRPO")
    options.add_argument("--warm-up", type=int, default=300, help="supervised steps before that")
    options.add_argument("--judge", default="nano", help="a model, or the address of a server")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    torch.manual_seed(chosen.seed)
    policy, tokenizer = new_policy()
    warm_up(policy, tokenizer, chosen.warm_up, random.Random(chosen.seed))
    before = accuracy(policy, tokenizer)
    print(f"after the warm-up {before:.0%} of the answers are right, by the calendar; by lot it would be {1 / 7:.0%}", flush=True)
    served = chosen.judge.startswith(("http://", "https://"))
    # Without its rationale a judgement takes half the time.
    with judge_of(chosen.judge) if served else load_judge(chosen.judge, rationale="skip", batch_size=64) as judge:
        train(policy, tokenizer, judge, chosen.steps)
    after = accuracy(policy, tokenizer)
    print(f"after {chosen.steps} steps of GRPO: from {before:.0%} to {after:.0%}")


if __name__ == "__main__":
    main()
