"""The tokenizer of a run: a `tokenizer.json`, or one learnt from the text, and its hash.

The hash stands in everything that tokens were made with; another tokenizer is refused there, because
the numbers would mean other words. Encoding runs in Rust without the interpreter's lock.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.recipe import TokenizerRecipe

Tokens = npt.NDArray[np.int32]
_USUAL_ENDS: Final = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[SEP]", "<|im_end|>")


class Vocabulary:
    """Encodes text; knows its size, its end-of-text token, and its hash."""

    def __init__(self, tokenizer: Tokenizer, end_of_text: str | None = None) -> None:
        """Raises InvalidInput: the tokenizer has no token `end_of_text`."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.size: int = tokenizer.get_vocab_size()
        self.hash = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()
        self.end: int | None = None
        for name in (end_of_text,) if end_of_text else _USUAL_ENDS:
            if (found := tokenizer.token_to_id(name)) is not None:
                self.end = int(found)
                break
        if end_of_text and self.end is None:
            raise InvalidInput(
                f"The tokenizer has no token '{end_of_text}'.",
                hint="Name one of its own as end_of_text, or leave it out.",
            )

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Token numbers of each text, without special tokens around them."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, dtype=np.int32) for encoding in found]

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of token numbers."""
        return str(self._tokenizer.decode([int(token) for token in tokens]))

    def save(self, path: Path) -> None:
        """Write it as a tokenizer.json that Hugging Face reads."""
        self._tokenizer.save(str(path))


def open_vocabulary(
    recipe: TokenizerRecipe, end_of_text: str | None, learnt: Path, texts: Iterable[str]
) -> Vocabulary:
    """The tokenizer that a recipe names.

    Args:
        recipe: which one.
        end_of_text: token behind each document, None to look for its usual names.
        learnt: where one that is learnt from `texts` is kept, so that it is learnt once.
        texts: what it is learnt from.

    Raises:
        InvalidInput: there is no such file, it is no tokenizer, or it lacks `end_of_text`.
    """
    if recipe.kind == "file":
        path = Path(recipe.path or "")
        path = path / "tokenizer.json" if path.is_dir() else path
    else:
        path = learnt
        if not path.exists():
            made = _characters(texts) if recipe.kind == "characters" else _bpe(texts, recipe)
            partial = path.with_name(f".{path.name}.partial")
            made.save(str(partial))
            partial.replace(path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises nothing narrower
        raise InvalidInput(
            f"'{path}' can't be read as a tokenizer: {str(error)[:200]}.",
            hint="data.tokenizer.path takes a tokenizer.json, or a folder with one.",
        ) from error
    return Vocabulary(tokenizer, end_of_text)


def other_tokenizer(what: str) -> InvalidInput:
    """The refusal of data or a checkpoint that was made with another tokenizer."""
    return InvalidInput(
        f"{what} was made with another tokenizer than the recipe names.",
        hint="Use the tokenizer it was made with, or start a new run in an empty folder.",
    )


def _characters(texts: Iterable[str]) -> Tokenizer:
    """One token per character that occurs, in the order of their code points, as nanoGPT's."""
    characters: set[str] = set()
    for text in texts:
        characters |= set(text)
    numbers = {character: number for number, character in enumerate(sorted(characters))}
    tokenizer = Tokenizer(models.BPE(vocab=numbers, merges=[]))
    tokenizer.decoder = decoders.Fuse()
    return tokenizer


def _bpe(texts: Iterable[str], recipe: TokenizerRecipe) -> Tokenizer:
    """Byte-level BPE, so that every text can be written with it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[_USUAL_ENDS[0]],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
