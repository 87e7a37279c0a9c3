"""The tokenizer of models trained from scratch: byte-level BPE, numbers in pairs of digits.

Numbers stay short (`2015-03-24` is six tokens), yet the vocabulary has only 110 numerals. So a model sees each of
them often enough to learn to copy it.
"""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from themis.traces.text import SPECIAL_TOKENS

PAD = "<|pad|>"
_PIECES = r"\p{N}{1,2}|<<|>>| ?\p{L}+| ?(?!<<|>>)[^\s\p{L}\p{N}]|\s"
"""Numerals of one or two digits; the brackets of a marked step; words and single signs, each with the space before it;
every other space alone. So a text that is copied has the same tokens at both places: `=<<3` and `, <<3` share `<<`."""


def train_tokenizer(texts: Iterable[str], vocabulary: int, context_length: int) -> PreTrainedTokenizerFast:
    """A tokenizer of `vocabulary` entries, including the four special tokens and padding."""
    tokenizer = Tokenizer(models.BPE(unk_token=None, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_PIECES), behavior="isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # The alphabet holds every byte, so that any text can be written.
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, *SPECIAL_TOKENS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        additional_special_tokens=list(SPECIAL_TOKENS),
        model_max_length=context_length,
        clean_up_tokenization_spaces=False,
    )
