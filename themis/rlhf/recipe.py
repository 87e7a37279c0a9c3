"""The keys of a recipe for `themis rlhf`, in sections. Imports no torch, so that a mistyped key is told at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Literal

from themis.errors import ConfigError
from themis.hyperparameters import Lora


@dataclass(frozen=True, slots=True)
class PolicyModel:
    """The language model that answers: `name` of one that is there, else one from scratch by `config`."""

    name: str | None = None
    """A Hub name, a directory, or a policy that `themis rlhf` wrote."""
    config: dict[str, Any] = field(default_factory=dict)
    """`model_type` and the fields of its transformers configuration. Beside a `name`, `--dry-run` counts by it."""
    tokenizer: str = "nano"
    """Whose tokenizer a policy from scratch takes; it gets an end token where it has none."""
    eos_token: str | None = None
    """The token that ends an answer, where the tokenizer names none or another."""
    pad_token: str | None = None
    """A token to pad with; by default the tokenizer's own, else the end token, which is then masked."""
    form: Literal["plain", "chat"] = "plain"
    """How a prompt is written: `Question: ...` and `Answer:`, or by the tokenizer's chat template."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Number type of the weights; bfloat16 for weights that LoRA freezes."""
    bf16: bool = False
    """Compute in bf16, where this machine can."""
    lora: Lora | None = None
    """Train adapters in place of all weights. Policy, reference and value model then share the frozen ones."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Where questions come from, and which part of them each step of the method sees."""

    files: tuple[str, ...] = ()
    """Files of questions, perhaps with answers, of any kind that docs/data.md lists."""
    tara: tuple[str, ...] = ()
    """Tasks of TARA whose published train rows are read."""
    held_files: tuple[str, ...] = ()
    """Files to measure on; by default the dev rows of the tasks `tara`."""
    shares: tuple[float, ...] = (0.2, 0.4, 0.4)
    """Of the questions: for the supervised start, for reward models, for PPO. Empty: all questions for each."""
    limit: int = 0
    """Only the first so many rows of each file and task; 0 for all."""


@dataclass(frozen=True, slots=True)
class Sft:
    """The supervised start: the policy learns to write the reference answers."""

    epochs: int = 4
    learning_rate: float = 1e-5
    answers_per_step: int = 32
    answers_at_once: int = 8
    """How many go through the model in one pass."""
    clip: float = 1.0
    """The most that the norm of the gradient may be."""


@dataclass(frozen=True, slots=True)
class Reward:
    """Who judges, and how a judgement becomes a number."""

    judge: str = "nano"
    """A model, the address of a server, a chat model as `openai:MODEL`, or a Python function as `package.module:name`
    or `file.py:name`."""
    rationale: Literal["write", "skip"] = "skip"
    """Without its rationale a local judge takes half the time."""
    normalise: bool = True
    """Measure rewards by the mean and the deviation on reference answers."""
    references: int = 64
    """How many reference answers are judged for that."""
    no_end: float | None = -1.0
    """The score of an answer that does not end by itself, or the step's lowest one if that is lower. None takes it out
    of the update."""
    wait_seconds: float = 120.0
    """How long a step waits for a judge that is down, before the run stops."""


@dataclass(frozen=True, slots=True)
class Ppo:
    """The loop. Defaults are the field's where the paper is silent."""

    steps: int = 0
    """0: as many as `passes` over the prompts need."""
    passes: int = 1
    prompts_per_step: int = 32
    """Answers that are written and judged before each update."""
    parts: int = 4
    """While one part of them is judged, the policy writes the next."""
    epochs: int = 4
    """How often an update reads its answers."""
    minibatches: int = 1
    """Steps of the optimizers in one such epoch."""
    answers_at_once: int = 8
    """How many go through the models in one pass of the update."""
    new_tokens: int = 64
    """The most tokens of an answer, its end included."""
    temperature: float = 1.0
    learning_rate: float = 1e-6
    value_learning_rate: float = 5e-7
    clip: float = 0.2
    value_clip: float | None = 0.2
    gradient_clip: float = 1.0
    gamma: float = 1.0
    lam: float = 0.95
    kl: float = 0.05
    """The coefficient of the penalty for leaving the reference policy."""
    kl_target: float | None = None
    """The summed KL of an answer that the coefficient is adapted to; None keeps the coefficient."""
    kl_horizon: float = 10_000.0
    """In answers: a longer one adapts more slowly."""
    ptx: float = 0.0
    """Weight of the language-model loss on the supervised answers; InstructGPT and the paper have 27.8."""
    reference: str | None = None
    """The policy that KL is measured from; by default the policy as it starts."""
    stop_kl: float = 100.0
    """The run stops where the mean summed KL of an answer is more than this."""
    stop_reward: float = 100.0
    """The run stops where the mean reward is further than this from 0, in deviations."""


@dataclass(frozen=True, slots=True)
class Logging:
    """How a run is kept and watched."""

    save_every: int = 20
    """Steps between two checkpoints."""
    measured_answers: int = 64
    """Held-out answers that perplexity and comparisons read at most; 0 for all."""
    report_to: tuple[str, ...] = ()
    """Trackers: tensorboard, wandb, trackio."""


@dataclass(frozen=True, slots=True)
class RlhfRecipe:
    """A policy, its questions, its judge, and how it learns."""

    seed: int
    policy: PolicyModel
    data: Prompts
    sft: Sft = field(default_factory=Sft)
    reward: Reward = field(default_factory=Reward)
    ppo: Ppo = field(default_factory=Ppo)
    logging: Logging = field(default_factory=Logging)


_BOUNDS: tuple[tuple[Callable[[float], bool], str, str], ...] = (
    (lambda value: value >= 1, "be at least 1", "sft.epochs sft.answers_per_step sft.answers_at_once reward.references ppo.passes"),
    (lambda value: value >= 1, "be at least 1", "ppo.prompts_per_step ppo.parts ppo.epochs ppo.minibatches ppo.answers_at_once"),
    (lambda value: value >= 1, "be at least 1", "ppo.new_tokens logging.save_every"),
    (lambda value: value >= 0, "not be negative", "data.limit logging.measured_answers ppo.steps ppo.kl ppo.ptx reward.wait_seconds"),
    (lambda value: value > 0, "be more than 0", "sft.learning_rate sft.clip ppo.temperature ppo.learning_rate ppo.value_learning_rate"),
    (lambda value: value > 0, "be more than 0", "ppo.clip ppo.gradient_clip ppo.kl_horizon ppo.stop_kl ppo.stop_reward"),
    (lambda value: value > 0, "be more than 0", "ppo.value_clip ppo.kl_target"),
    (lambda value: 0 <= value <= 1, "be from 0 to 1", "ppo.gamma ppo.lam"),
    (lambda value: True, "be finite", "reward.no_end"),
)


def check_recipe(recipe: RlhfRecipe) -> None:
    """Raises `ConfigError` for values of the right type that cannot work."""
    for holds, words, keys in _BOUNDS:
        for key in keys.split():
            value = reduce(getattr, key.split("."), recipe)
            if isinstance(value, int | float) and not (math.isfinite(value) and holds(value)):
                raise ConfigError(f"{key}: must {words}, found {value}")
    if not recipe.policy.name and "model_type" not in recipe.policy.config:
        raise ConfigError("policy: give `name` of a pretrained model, or `config` with its model_type")
    if recipe.policy.lora and not recipe.policy.name:
        raise ConfigError("policy.lora: adapters need a pretrained policy; give policy.name")
    if not recipe.data.files and not recipe.data.tara:
        raise ConfigError("the recipe names no questions: give data.files or data.tara")
    if (shares := recipe.data.shares) and (len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6):
        raise ConfigError(f"data.shares: give three shares that add up to 1, found {list(shares)}")
    if recipe.policy.dtype == "bfloat16" and not recipe.policy.lora:
        raise ConfigError("policy.dtype: steps of the optimizer are lost in bfloat16; give float32, or policy.lora")
    if recipe.ppo.minibatches > recipe.ppo.prompts_per_step:
        raise ConfigError(f"ppo.minibatches: {recipe.ppo.prompts_per_step} answers a step fill at most so many minibatches")
