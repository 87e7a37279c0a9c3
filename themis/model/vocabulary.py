"""More words for the tokenizer of a model that is trained already, so that what it knows as bytes or pieces alone becomes short.

Byte-pair merges are learnt on top of those that there are: from words with letters beyond ASCII alone, where every text without
such words keeps its tokens and the model what it knows of them; or from English prose, where numerals and signs keep theirs. A new
word's embedding begins as the mean of its two parts'.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from themis.errors import ConfigError
from themis.model.reward_model import RewardModel
from themis.traces.text import SPECIAL_TOKENS

Merge = tuple[str, str]
_BLANK = "Ġ"
"""How byte-level BPE writes the blank before a word."""


def add_words(
    model: RewardModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], count: int, prose: bool = False
) -> PreTrainedTokenizerFast:
    """The tokenizer with up to `count` more entries, learnt from `texts`; the model's embeddings grow with it.

    They are pieces of words beyond ASCII, or, with `prose`, of words of ASCII letters alone.

    Raises `ConfigError` where the tokenizer is no byte-level BPE with a fast implementation.
    """
    whole = _as_json(tokenizer)
    merges = _learn(_words(tokenizer, texts, prose), count)
    vocabulary: dict[str, int] = whole["model"]["vocab"]
    first = len(tokenizer)
    parts: list[tuple[int, int]] = []
    for start, end in merges:
        # Two ways of merging may end in the same word, which has one entry all the same.
        if start + end not in vocabulary:
            vocabulary[start + end] = first + len(parts)
            parts.append((vocabulary[start], vocabulary[end]))
    whole["model"]["merges"] += [list(merge) for merge in merges]
    grown = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(whole)),
        pad_token=tokenizer.pad_token,
        additional_special_tokens=list(SPECIAL_TOKENS),
        model_max_length=tokenizer.model_max_length,
        clean_up_tokenization_spaces=False,
    )
    model.lm.resize_token_embeddings(first + len(parts), mean_resizing=False)
    with torch.no_grad():
        for table in (model.lm.get_input_embeddings(), model.lm.get_output_embeddings()):
            weight = cast(nn.Embedding | nn.Linear, table).weight
            for place, (left, right) in enumerate(parts, first):
                weight[place] = (weight[left] + weight[right]) / 2
    return grown


def _as_json(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    whole: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {}
    if whole.get("model", {}).get("type") != "BPE" or len(whole["model"]["vocab"]) != len(tokenizer):
        raise ConfigError("backbone.added_words: words can be added to a byte-level BPE tokenizer alone, such as that of nano")
    return whole


def _words(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], prose: bool) -> Counter[tuple[str, ...]]:
    """The words with letters beyond ASCII, or those of ASCII letters alone, as the tokens that they have now."""
    wanted = _is_plain if prose else _is_beyond_ascii
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(word for word in text.split() if wanted(word.strip(".,;:()")))
    words: Counter[tuple[str, ...]] = Counter()
    backend: Any = tokenizer
    for word, times in counted.items():
        # Merges never join what the tokenizer cuts apart before it merges: a mark stays a token of its own.
        for piece, _ in backend.backend_tokenizer.pre_tokenizer.pre_tokenize_str(" " + word):
            tokens = tuple(backend.backend_tokenizer.model.tokenize(piece))
            if len(tokens) > 1 and wanted(piece.removeprefix(_BLANK)):
                words[tuple(token.value for token in tokens)] += times
    return words


def _is_plain(word: str) -> bool:
    return word.isascii() and word.isalpha()


def _is_beyond_ascii(word: str) -> bool:
    return not word.isascii()


def _learn(words: Counter[tuple[str, ...]], count: int) -> list[Merge]:
    """The most frequent neighbours, one after the other, as byte-pair encoding has it."""
    texts = [list(word) for word in words]
    times = list(words.values())
    pairs: Counter[Merge] = Counter()
    where: defaultdict[Merge, set[int]] = defaultdict(set)

    def enter(place: int, sign: int) -> None:
        for pair in zip(texts[place], texts[place][1:], strict=False):
            pairs[pair] += sign * times[place]
            where[pair].add(place)

    for place in range(len(texts)):
        enter(place, 1)
    merges: list[Merge] = []
    while len(merges) < count and pairs:
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for place in sorted(where.pop(best)):
            enter(place, -1)
            texts[place] = _merged(texts[place], best)
            enter(place, 1)
        pairs.pop(best, None)
    return merges


def _merged(tokens: list[str], pair: Merge) -> list[str]:
    joined: list[str] = []
    for token in tokens:
        if joined and (joined[-1], token) == pair:
            joined[-1] += token
        else:
            joined.append(token)
    return joined
