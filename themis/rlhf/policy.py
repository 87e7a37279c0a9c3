"""The language model that answers: loading it, its prompts, its answers, the probabilities of their tokens.

Any causal language model of transformers. Knows nothing of judges or of PPO. An answer is drawn from numbers that the
caller gives, one a token. So it depends on these and on the weights alone, in whatever batch it is written.
"""

# Shapes:  B = answers   P = tokens of the longest prompt   T = tokens of the longest answer   V = vocabulary

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, PreTrainedTokenizerBase

from themis.errors import ConfigError, ModelError
from themis.files import write_whole
from themis.model.adapters import add_lora, merge
from themis.model.named import resolve
from themis.model.precision import has_bf16
from themis.model.reward_model import cache_name_of
from themis.model.weights import quiet, read_weights, reading
from themis.rlhf.recipe import PolicyModel
from themis.traces import Case
from themis.traces.case import Message
from themis.training.backbones import configured

POLICY_FILE = "policy.json"
"""Beside the weights of a policy that was trained here: the form of its prompts."""
END = "<|end|>"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Policy:
    """A language model with its tokenizer, and how a question is put to it."""

    lm: Any
    tokenizer: PreTrainedTokenizerBase
    form: str
    bf16: bool = False

    @property
    def end_id(self) -> int:
        """The token that ends an answer."""
        return int(self.tokenizer.eos_token_id)

    @property
    def context_length(self) -> int:
        """The most tokens that it reads."""
        return int(self.lm.config.get_text_config().max_position_embeddings)

    def computing(self) -> AbstractContextManager[Any]:
        """Within it, products are in bf16, if the recipe asks for it."""
        return torch.autocast(self.lm.device.type, torch.bfloat16, enabled=self.bf16)

    def prompt_ids(self, case: Case) -> list[int]:
        """The tokens of a question, ready for its answer."""
        if self.form == "chat":
            asked = (Message(role="user", content=case.question),) if isinstance(case.question, str) else case.question
            turns: list[dict[str, str]] = [{"role": turn["role"], "content": turn["content"]} for turn in asked]
            if case.context:
                turns.insert(0, {"role": "system", "content": case.context})
            text = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        context = f"Context: {case.context}\n" if case.context else ""
        return list(self.tokenizer(f"{context}Question: {case.question_text}\nAnswer:\n")["input_ids"])

    def answer_ids(self, answer: str) -> list[int]:
        """The tokens of an answer and its end."""
        return [*self.tokenizer(answer, add_special_tokens=False)["input_ids"], self.end_id]

    def text_of(self, token_ids: Sequence[int]) -> str:
        """What an answer says, without its end."""
        said = [token for token in token_ids if token != self.end_id]
        return str(self.tokenizer.decode(said, skip_special_tokens=True)).strip()


# --- loading ---------------------------------------------------------------------------------------


def load_policy(settings: PolicyModel) -> Policy:
    """The policy of a recipe, without adapters. Raises `ConfigError`, `ModelError`."""
    bf16 = settings.bf16 and has_bf16()
    if settings.name is None:
        tokenizer = AutoTokenizer.from_pretrained(resolve(settings.tokenizer))
        _name_ends(tokenizer, settings, made=True)
        ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
        config = configured(settings.config, vocab_size=len(tokenizer), **ids)
        try:
            lm = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        except ValueError as error:
            raise ConfigError(f"policy.config: '{config.model_type}' is not a causal language model") from error
        return Policy(lm.eval(), tokenizer, settings.form, bf16)
    path = resolve(settings.name)
    if not (path / "config.json").is_file():
        raise ModelError(f"the policy '{settings.name}' is not a model: {path} holds no config.json")
    dtype = _DTYPES[settings.dtype] if has_bf16() else torch.float32
    with reading(f"the policy '{settings.name}' cannot be read as a causal language model"):
        tokenizer = AutoTokenizer.from_pretrained(path)
        lm = read_weights(AutoModelForCausalLM, path, backbone=True, dtype=dtype)
    _check_form(path, settings)
    _name_ends(tokenizer, settings)
    if len(tokenizer) > lm.get_input_embeddings().num_embeddings:
        lm.resize_token_embeddings(len(tokenizer))
    lm.config.eos_token_id, lm.config.pad_token_id = tokenizer.eos_token_id, tokenizer.pad_token_id
    return Policy(lm.eval(), tokenizer, settings.form, bf16)


def _check_form(path: Path, settings: PolicyModel) -> None:
    if (path / POLICY_FILE).is_file():
        form = json.loads((path / POLICY_FILE).read_text(encoding="utf-8"))["form"]
        if form != settings.form:
            raise ConfigError(f"policy.form: {settings.name} was trained in the form '{form}', and the recipe says '{settings.form}'")


def _name_ends(tokenizer: PreTrainedTokenizerBase, settings: PolicyModel, made: bool = False) -> None:
    """Set the tokens of end and padding. One that is `made` here may get a new end token."""
    if settings.form == "chat" and not tokenizer.chat_template:
        raise ConfigError(f"policy.form: the tokenizer of '{settings.name or settings.tokenizer}' has no chat template; give plain")
    if settings.eos_token:
        if settings.eos_token not in tokenizer.get_vocab():
            raise ConfigError(f"policy.eos_token: the tokenizer has no token '{settings.eos_token}'")
        tokenizer.eos_token = settings.eos_token
    if tokenizer.eos_token_id is None and made:
        tokenizer.add_special_tokens({"eos_token": END})
    if tokenizer.eos_token_id is None:
        raise ConfigError(f"the policy '{settings.name}' has no token that ends an answer: name one of its tokens as policy.eos_token")
    if settings.pad_token or tokenizer.pad_token_id is None:
        tokenizer.pad_token = settings.pad_token or tokenizer.eos_token
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id >= len(tokenizer):
        raise ConfigError(f"policy.pad_token: the tokenizer has no token '{settings.pad_token}'")


def frozen_twin(module: nn.Module, shared: bool) -> Any:
    """A copy that is not trained. One that is `shared` has the same weights in memory."""
    known = {id(weight): weight for weight in module.parameters()} if shared else {}
    twin = copy.deepcopy(module, known)
    return twin if shared else twin.requires_grad_(False)


def prepare_training(lm: Any, settings: PolicyModel) -> None:
    """Let the policy learn: by adapters, or with all its weights."""
    if settings.lora:
        add_lora(lm, settings.lora, str(settings.name), autocast=settings.bf16 and has_bf16())
    else:
        lm.requires_grad_(True)
    lm.eval()  # without dropout, so that the ratio of an unchanged policy is 1


def trained(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The weights that learn, by name."""
    return ((name, weight) for name, weight in module.named_parameters() if weight.requires_grad)


def check_same_words(policy: Policy, reference: Policy, name: str) -> None:
    """Raises `ConfigError` where a reference reads other tokens than the policy."""
    if policy.tokenizer.get_vocab() != reference.tokenizer.get_vocab():
        raise ConfigError(f"ppo.reference: {name} has another vocabulary than the policy: give a model with the same tokenizer")


def save_policy(policy: Policy, out: Path) -> None:
    """Write the policy as a model of transformers, its adapters merged. They are no longer apart after that."""
    lm = merge(policy.lm) if getattr(policy.lm, "peft_config", None) else policy.lm
    lm.generation_config.eos_token_id, lm.generation_config.pad_token_id = policy.end_id, policy.tokenizer.pad_token_id
    with quiet():
        lm.save_pretrained(out)
    policy.tokenizer.save_pretrained(out)
    write_whole(out / POLICY_FILE, json.dumps({"form": policy.form}) + "\n")


# --- answers ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """Prompts with their answers: prompts are padded on the left, answers on the right."""

    input_ids: Tensor
    """[B, P + T]"""
    attention: Tensor
    positions: Tensor
    answer_BT: Tensor
    mask_BT: Tensor
    """1 at the tokens of the answers."""

    def arguments(self) -> dict[str, Tensor]:
        """What a model of transformers reads: all but the last tokens, from which nothing is foretold."""
        names = {"input_ids": self.input_ids, "attention_mask": self.attention, "position_ids": self.positions}
        return {name: each[:, :-1] for name, each in names.items()}


def batch_of(prompts: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], pad_id: int, device: Any = "cpu") -> Batch:
    """A batch of token ids. An answer may be empty, if another one is not."""
    before, after = max(map(len, prompts)), max(map(len, answers))
    rows = [
        [pad_id] * (before - len(prompt)) + [*prompt, *answer] + [pad_id] * (after - len(answer))
        for prompt, answer in zip(prompts, answers, strict=True)
    ]
    input_ids = torch.tensor(rows, dtype=torch.long, device=device)
    attention = torch.zeros_like(input_ids)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        attention[row, before - len(prompt) : before + len(answer)] = 1
    positions = (attention.cumsum(1) - 1).clamp(min=0)
    return Batch(input_ids, attention, positions, input_ids[:, before:], attention[:, before:].float())


def alike(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Places in groups of at most so many, each of like lengths: so that little of a batch is padding."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    return [order[start : start + most] for start in range(0, len(order), most)]


def answer_logits(lm: Any, batch: Batch) -> Tensor:
    """The logits that each token of the answers was, or would be, drawn from. [B, T, V]"""
    count = batch.answer_BT.shape[1]
    logits: Tensor = lm(**batch.arguments(), use_cache=False, logits_to_keep=count).logits
    return logits


@torch.inference_mode()
def write_answers(
    policy: Policy,
    prompts: Sequence[Sequence[int]],
    uniform_BT: Tensor,
    temperature: float = 1.0,
    on_token: Callable[[], None] = lambda: None,
) -> list[list[int]]:
    """Draw an answer for each prompt: at most T tokens, the end token included if it ends by itself.

    `uniform_BT` has a number in 0..1 for each token: the one is taken in which the cumulated probability passes it.
    A temperature of 0 takes the most likely token.
    """
    lm, device = policy.lm, policy.lm.device
    argument = cache_name_of(lm)
    uniform_BT = uniform_BT.to(device, torch.float64)
    batch = batch_of(prompts, [()] * len(prompts), policy.tokenizer.pad_token_id, device)
    read, attention, positions = batch.input_ids, batch.attention, batch.positions
    cache: Any = DynamicCache(config=lm.config)
    answers: list[list[int]] = [[] for _ in prompts]
    going = list(range(len(prompts)))
    """Rows of the batch, as places in `prompts`: finished ones leave it."""
    for place in range(uniform_BT.shape[1]):
        with policy.computing():
            kept_keys = {argument: cache, "use_cache": True}
            out = lm(input_ids=read, attention_mask=attention, position_ids=positions, logits_to_keep=1, **kept_keys)
        token_B = drawn(out.logits[:, -1].float(), uniform_BT[going, place], temperature)
        for row, token in zip(going, token_B.tolist(), strict=True):
            answers[row].append(token)
        on_token()
        kept = (token_B != policy.end_id).nonzero().flatten()
        if not len(kept):
            break
        if len(kept) < len(going):
            going = [going[row] for row in kept.tolist()]
            cache.batch_select_indices(kept)
            token_B, attention, positions = token_B[kept], attention[kept], positions[kept]
        read, positions = token_B.unsqueeze(1), positions[:, -1:] + 1
        attention = torch.cat([attention, torch.ones_like(read)], 1)
    return answers


def drawn(logits_BV: Tensor, uniform_B: Tensor, temperature: float) -> Tensor:
    """A token for each row, by the inverse of the cumulated distribution. [B]"""
    if temperature == 0:
        return logits_BV.argmax(-1)
    cumulated_BV = (logits_BV / temperature).softmax(-1, dtype=torch.float64).cumsum(-1)
    wanted_B1 = (uniform_B * cumulated_BV[:, -1]).unsqueeze(1)
    return torch.searchsorted(cumulated_BV, wanted_B1, right=True).squeeze(1).clamp(max=logits_BV.shape[-1] - 1)


def uniform_numbers(seed: int, step: int, places: Sequence[int], count: int) -> Tensor:
    """`count` numbers in 0..1 for each place: the same for the same seed, step and place, wherever they are drawn."""
    rows = [torch.rand(count, generator=torch.Generator().manual_seed(mixed(seed, step, place)), dtype=torch.float64) for place in places]
    return torch.stack(rows)


def mixed(*numbers: int) -> int:
    """One seed of several numbers."""
    seed = 0
    for number in numbers:
        seed = (seed * 6364136223846793005 + number + 1442695040888963407) % 2**63
    return seed
