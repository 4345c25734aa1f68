"""Gets the data of a recipe ready on this machine before training starts, or refuses it.

Merging and tokenising happen once per folder, under a lock: every rank may call, the first one works.
"""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.data.corpus import Corpus, merge
from stoa.compute.training.pretraining.data.mixture import Rows
from stoa.compute.training.pretraining.data.recipe import DataRecipe
from stoa.compute.training.pretraining.data.tokenfile import TokenFile, tokenise
from stoa.compute.training.pretraining.data.vocabulary import Vocabulary, open_vocabulary


@dataclass(frozen=True)
class Prepared:
    """Data that is ready to be read.

    Attributes:
        rows: per source, what training may read in packed mode.
        windows: per source, tokens, how many of them training may read, weight; in windows mode.
        held_out: per source, tokens, the first and the number of those kept for validation.
        fingerprint: hash of the content of all sources, in order.
        skipped: places that could not be read and were left out, as the recipe allows.
    """

    recipe: DataRecipe
    vocabulary: Vocabulary
    rows: list[Rows]
    windows: list[tuple[TokenFile, int, float]]
    held_out: list[tuple[TokenFile, int, int]]
    fingerprint: str
    skipped: int


def prepare(recipe: DataRecipe, folder: Path) -> Prepared:
    """Merge shards, open the tokenizer, write token files; all of it reused where it is there.

    Raises:
        InvalidInput: a shard, the tokenizer or the recipe does not fit; says where.
        SetupError: the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock"):
        corpora = [
            merge(
                source,
                folder,
                skip_corrupt=recipe.corrupt == "skip",
                piece_bytes=recipe.piece_bytes,
            )
            for source in recipe.sources
        ]
        vocabulary = open_vocabulary(recipe.tokenizer, recipe.end_of_text, _texts(corpora))
        prepared = _split(recipe, corpora, vocabulary, folder)
    if recipe.boundaries and vocabulary.end is None:
        raise InvalidInput(
            "Boundaries of documents need a token that ends them, and the tokenizer has none.",
            hint="Name one of its tokens as end_of_text, or set boundaries = false.",
        )
    return prepared


def _split(
    recipe: DataRecipe, corpora: list[Corpus], vocabulary: Vocabulary, folder: Path
) -> Prepared:
    rows, windows, held_out = [], [], []
    for source, corpus in zip(recipe.sources, corpora, strict=True):
        path = folder / f"{source.name}.tokens"
        if recipe.mode == "windows":
            tokens = tokenise(corpus, vocabulary, path, 0, len(corpus))
            used = int(len(tokens) * (1 - recipe.held_out))
            windows.append((tokens, used, source.weight))
            held_out.append((tokens, used, len(tokens) - used))
            continue
        used = max(1, int(len(corpus) * (1 - recipe.held_out)))
        rows.append(Rows(corpus, used, source.weight))
        if used < len(corpus):
            tokens = tokenise(corpus, vocabulary, path, used, len(corpus) - used)
            held_out.append((tokens, 0, len(tokens)))
    contents = "".join(corpus.facts.content for corpus in corpora)
    return Prepared(
        recipe=recipe,
        vocabulary=vocabulary,
        rows=rows,
        windows=windows,
        held_out=held_out if recipe.held_out else [],
        fingerprint=hashlib.sha256(contents.encode()).hexdigest(),
        skipped=sum(corpus.facts.skipped for corpus in corpora),
    )


def _texts(corpora: list[Corpus]) -> Iterator[str]:
    return (corpus.text(row) for corpus in corpora for row in range(len(corpus)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
