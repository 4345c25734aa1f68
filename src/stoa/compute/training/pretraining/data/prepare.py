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
from stoa.compute.training.pretraining.data.tokenfile import TokenFile, tokenise
from stoa.compute.training.pretraining.data.vocabulary import Vocabulary, open_vocabulary
from stoa.compute.training.pretraining.recipe import DataRecipe, Source


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
        corpora = [_merged(recipe, source, folder, "source") for source in recipe.sources]
        others = [_merged(recipe, source, folder, "validation") for source in recipe.validation]
        fingerprint = _fingerprint(corpora)
        kept = hashlib.sha256(
            (fingerprint + recipe.tokenizer.model_dump_json()).encode()
        ).hexdigest()
        learnt = folder / f"tokenizer-{kept[:12]}.json"
        vocabulary = open_vocabulary(recipe.tokenizer, recipe.end_of_text, learnt, _texts(corpora))
        rows, windows, held_out = _split(recipe, corpora, vocabulary)
        for corpus in others:
            tokens = _tokens(corpus, vocabulary, 0, len(corpus))
            held_out.append((tokens, 0, len(tokens)))
    if recipe.document_mask and vocabulary.end is None:
        raise InvalidInput(
            "Documents can only be masked where a token ends them, and the tokenizer has none.",
            hint="Name one of its tokens as data.end_of_text, or leave data.document_mask out.",
        )
    skipped = sum(corpus.facts.skipped for corpus in (*corpora, *others))
    return Prepared(recipe, vocabulary, rows, windows, held_out, fingerprint, skipped)


def _merged(recipe: DataRecipe, source: Source, folder: Path, kind: str) -> Corpus:
    sources = recipe.sources if kind == "source" else recipe.validation
    return merge(
        source,
        folder / f"{kind}-{sources.index(source)}.arrow",
        skip_corrupt=recipe.corrupt == "skip",
        piece_bytes=recipe.piece_bytes,
    )


def _split(
    recipe: DataRecipe, corpora: list[Corpus], vocabulary: Vocabulary
) -> tuple[list[Rows], list[tuple[TokenFile, int, float]], list[tuple[TokenFile, int, int]]]:
    """What is trained on, packed or in windows, and the end of each source that is held out."""
    share = 0.0 if recipe.validation else recipe.validation_share
    rows, windows, held_out = [], [], []
    for source, corpus in zip(recipe.sources, corpora, strict=True):
        if recipe.sampling == "windows":
            tokens = _tokens(corpus, vocabulary, 0, len(corpus))
            used = int(len(tokens) * (1 - share))
            windows.append((tokens, used, source.weight))
            if used < len(tokens):
                held_out.append((tokens, used, len(tokens) - used))
            continue
        kept = max(1, int(len(corpus) * (1 - share)))
        rows.append(Rows(corpus, kept, source.weight))
        if kept < len(corpus):
            tokens = _tokens(corpus, vocabulary, kept, len(corpus) - kept)
            held_out.append((tokens, 0, len(tokens)))
    return rows, windows, held_out


def _tokens(corpus: Corpus, vocabulary: Vocabulary, first: int, rows: int) -> TokenFile:
    return tokenise(corpus, vocabulary, corpus.path.with_suffix(".tokens"), first, rows)


def _fingerprint(corpora: list[Corpus]) -> str:
    contents = "".join(corpus.facts.content for corpus in corpora)
    return hashlib.sha256(contents.encode()).hexdigest()


def _texts(corpora: list[Corpus]) -> Iterator[str]:
    return (corpus.text(row) for corpus in corpora for row in range(len(corpus)))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
