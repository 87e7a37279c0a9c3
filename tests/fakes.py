"""Fakes that tests build in memory: a tokenizer of bytes, tiny models, a model that says its lines, tools that echo.

Nothing here is patched in: each is given to the code under test as the real thing would be.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor
from transformers import BertConfig, BertModel, BertTokenizer, LlamaConfig, MistralConfig, PreTrainedTokenizerFast, Qwen3Config
from transformers.models.auto import AutoModelForCausalLM

from themis.errors import DataError
from themis.inference.engine.row import Row
from themis.inference.judgement import State
from themis.model.reward_model import RewardModel
from themis.traces.case import Case
from themis.traces.text import SPECIAL_TOKENS
from themis.traces.trace import Action, Observation

Backbone = Literal["llama", "qwen3", "qwen3-mixed", "mistral", "llama-eager"]

CALL = "Thought: I look it up.\nAction: echo\nAction Input: "
FINISHED = "Thought: Do I need to use a tool? No\nFinished.\n"
BROKEN = "I act without a thought.\n"
PHRASES = (CALL, FINISHED, BROKEN)


def byte_tokenizer(phrases: Sequence[str] = (), *, ours: bool = True) -> PreTrainedTokenizerFast:
    """One token a byte, four special tokens, padding, end of text, and tokens of whole phrases, which no text gives.

    Not `ours`, it lacks the four, as that of somebody else's model does.
    """
    letters = ByteLevel(add_prefix_space=False, use_regex=False)
    spelled = ["".join(piece for piece, _ in letters.pre_tokenize_str(phrase)) for phrase in phrases]
    vocabulary = {token: index for index, token in enumerate([*sorted(ByteLevel.alphabet()), *spelled])}
    backend = Tokenizer(BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = letters
    backend.decoder = ByteLevelDecoder()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", eos_token="<eos>")
    if ours:
        tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)})
    return tokenizer


def tiny_config(backbone: Backbone, vocabulary: int, context_length: int) -> Any:
    """A backbone of width 64. Mistral's window, and that of every second layer of `qwen3-mixed`, is 24 tokens."""
    sizes: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": context_length,
    }
    if backbone == "mistral":
        return MistralConfig(**sizes, sliding_window=24)
    if backbone == "qwen3":
        return Qwen3Config(**sizes)
    if backbone == "qwen3-mixed":
        layers = ["sliding_attention", "full_attention", "sliding_attention"]
        return Qwen3Config(**sizes, use_sliding_window=True, sliding_window=24, layer_types=layers)
    return LlamaConfig(**sizes)


def tiny_model(backbone: Backbone, tokenizer: PreTrainedTokenizerFast, *, context_length: int = 512, seed: int = 15) -> RewardModel:
    """Random weights, large enough that every token depends on all before it.

    Some logits belong to no token, as in real models.
    """
    torch.manual_seed(seed)
    config = tiny_config(backbone, len(tokenizer) + 5, context_length)
    lm = random_backbone(config, attn_implementation="eager" if backbone == "llama-eager" else "sdpa")
    for name, parameter in lm.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.25)
    return RewardModel(lm).eval()


def random_backbone(config: Any, **settings: Any) -> Any:
    """A causal language model that learnt nothing."""
    return AutoModelForCausalLM.from_config(config, **settings)


def tiny_bert(folder: Path, **fields: Any) -> str:
    """An untrained BERT whose words are letters, with its tokenizer, in a directory.

    `fields` are of its configuration.
    """
    letters = [chr(place) for place in range(33, 127)]
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: place for place, word in enumerate([*marks, *letters, *(f"##{letter}" for letter in letters)])}
    BertTokenizer(vocab=vocabulary).save_pretrained(folder)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(**{**sizes, "max_position_embeddings": 64, **fields, "vocab_size": len(vocabulary)})
    BertModel(config).save_pretrained(folder)
    return str(folder)


class FormChoice:
    """Lets an untrained model write steps: of the tokens that the written form allows next, the likeliest.

    So the phrase that opens a step, the letters of an argument or a rationale and where they end, and whether to act
    again are functions of all that the model has read; only their order is given.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        token_of = {tokenizer.decode([token]): token for token in range(len(tokenizer))}
        self._call, self._finished, self._broken = (token_of[phrase] for phrase in PHRASES)
        self._tool, self._observation, self._rationale, self._reward = (token_of[token] for token in SPECIAL_TOKENS)
        self._letters, self._end = [token_of[letter] for letter in "aeinst"], token_of["\n"]

    def __call__(self, logits_BV: Tensor, rows: list[Row]) -> list[int | None]:
        allowed = [self._allowed(row.state, row.segments[-1].token_ids) for row in rows]
        return [tokens[int(logits_V[tokens].argmax())] for logits_V, tokens in zip(logits_BV, allowed, strict=True)]

    def _allowed(self, state: State, segment: list[int]) -> list[int]:
        if state == "choice":
            return [self._tool, self._rationale]
        if segment[-1] in (self._end, self._broken):
            return [self._observation if state == "action" else self._reward]
        if segment[-1] == self._finished:
            return [self._rationale]
        if segment[-1] == self._tool:
            return [self._call, self._finished, self._broken]
        return [self._end] if len(segment) > 15 else [*self._letters, self._end]


class ScriptedModel(RewardModel):
    """Says the lines it was given: the first after the first special token of a judgement, and so on.

    A line stands for one segment and ends with the special token that closes it; after an observation it is
    the next segment's token alone. A line without special token is said again and again. Reads no cache.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        lines: Sequence[str] | Callable[[str], Sequence[str]],
        *,
        reward: float = 1.5,
        context_length: int = 1024,
    ) -> None:
        super().__init__(random_backbone(tiny_config("llama", len(tokenizer), context_length)))
        self._tokenizer = tokenizer
        self._lines = lines if callable(lines) else lambda prompt: lines
        self._reward = reward
        self._special = {tokenizer.get_vocab()[token] for token in SPECIAL_TOKENS}

    def hidden_states(self, token_ids_BT: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        assert attention_mask is not None
        hidden = torch.zeros(*token_ids_BT.shape, 1)
        for row, (tokens, count) in enumerate(zip(token_ids_BT.tolist(), attention_mask.sum(1).tolist(), strict=True)):
            hidden[row, count - 1, 0] = self._next(tokens[:count])
        return hidden

    def lm_logits(self, hidden: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(hidden[..., 0].long(), len(self._tokenizer)).float()

    def reward(self, hidden: Tensor) -> Tensor:
        return torch.full(hidden.shape[:-1], self._reward)

    def _next(self, tokens: list[int]) -> int:
        places = [place for place, token in enumerate(tokens) if token in self._special]
        lines = self._lines(str(self._tokenizer.decode(tokens[: places[0]])))
        if len(places) > len(lines):
            return 0
        line: list[int] = self._tokenizer(lines[len(places) - 1], add_special_tokens=False)["input_ids"]
        written = 0 if len(line) == 1 else len(tokens) - 1 - places[-1]
        return line[written % len(line)]


class EchoTools:
    """Tools that answer at once with what they were given, or with what `answer` makes of it."""

    def __init__(self, answer: Callable[[Action, Case], Observation] | None = None) -> None:
        self.calls: list[Action] = []
        self._answer = answer or (lambda action, case: Observation(f"you said {action.argument}"))

    def submit(self, action: Action, case: Case) -> Future[Observation]:
        self.calls.append(action)
        future: Future[Observation] = Future()
        try:
            future.set_result(self._answer(action, case))
        except DataError as error:
            future.set_exception(error)
        return future


class HeldTools(EchoTools):
    """Tools that keep the calls of the cases with these answers until `release`."""

    def __init__(self, held_answers: set[str]) -> None:
        super().__init__()
        self._held_answers = held_answers
        self._held: list[tuple[Future[Observation], Action, Case]] = []

    def submit(self, action: Action, case: Case) -> Future[Observation]:
        if case.answer not in self._held_answers:
            return super().submit(action, case)
        future: Future[Observation] = Future()
        self._held.append((future, action, case))
        return future

    @property
    def calls_held(self) -> list[Future[Observation]]:
        return [future for future, _, _ in self._held]

    def release(self) -> None:
        """Answer all calls that were kept, and keep no more."""
        self._held_answers = set()
        for future, action, case in self._held:
            future.set_result(self._answer(action, case))
