"""Runs a sentence encoder kept as an ONNX graph with its tokenizer: any local one.

Texts are sorted by length and run in batches of bounded tokens: padding is small and memory does not
grow with the number of texts. A batch is so small that its tensors stay in the processor's cache, and
each core works on a batch of its own, so none waits for another between two layers. The event loop
stays free. It knows no model by name.
"""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np

from stoa.core.models.embedding.embedder import Kind, Window
from stoa.core.models.embedding.encoder_files import EncoderFiles, Pooling
from stoa.core.models.embedding.onnx_graph import batches, open_session, open_tokenizer

_MOST_WORKERS = 8
_TOKENIZED_AT_ONCE = 1024
_WINDOW = 128
"""Tokens of a window, where the encoder takes in more: a vector of less text says more of it."""
_HEADING_SHARE = 4
"""At most one token in so many of a window is heading."""


class OnnxEncoder:
    """A loaded encoder. Safe to use from several threads and event loops at once."""

    def __init__(self, files: EncoderFiles) -> None:
        """Load it (about 0.2 s for 90 MB). Raises SetupError where a file is not what it should be."""
        self._files = files
        self._tokenizer = open_tokenizer(files.tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._session = open_session(files.graph)
        self._inputs = {given.name for given in self._session.get_inputs()}
        self._bulk = threading.Lock()  # one bulk job at a time; queries pass it by
        workers = min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="encoder")

    @cached_property
    def dimensions(self) -> int:
        """Length of a vector, found by making one."""
        return int(self._encode([""]).shape[1])

    async def embed(self, texts: Sequence[str], kind: Kind) -> np.ndarray:
        """Unit vectors, float32, (len(texts), dimensions). What lies beyond the length is ignored."""
        prefix = self._files.query_prefix if kind == "query" else self._files.passage_prefix
        led = [prefix + text for text in texts]
        return await asyncio.to_thread(self._encode_query if kind == "query" else self._bulky, led)

    def windows(self, text: str, *, heading: str = "") -> list[Window]:
        """Pieces of at most 128 tokens, cut between words, each led by the heading."""
        special = self._tokenizer.num_special_tokens_to_add(is_pair=False)
        prefix = self._tokenizer.encode(self._files.passage_prefix, add_special_tokens=False)
        room = min(self._files.length, _WINDOW) - special - len(prefix.ids)
        lead = self._cut(heading, room // _HEADING_SHARE)[0][1] + "\n" if heading else ""
        if lead:
            room -= len(self._tokenizer.encode(lead, add_special_tokens=False).ids)
        return [Window(start, lead + piece) for start, piece in self._cut(text, room)]

    def _cut(self, text: str, room: int) -> list[tuple[int, str]]:
        """(start, piece) of at most `room` tokens, at most evenly long, never within a word."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        count = len(encoding.ids)
        if count <= room:
            return [(0, text)]
        share = -(-count // -(-count // room))  # even pieces: a short last one would match anything
        words, offsets = encoding.word_ids, encoding.offsets
        pieces: list[tuple[int, str]] = []
        first = 0
        while first < count:
            after = min(first + share, count)
            end = after
            while first < end < count and words[end] is not None and words[end] == words[end - 1]:
                end -= 1
            end = after if end == first else end  # one word longer than a piece
            stop = offsets[end][0] if end < count else len(text)
            start = offsets[first][0] if first else 0
            if piece := text[start:stop].strip():
                pieces.append((start, piece))
            first = end
        return pieces or [(0, text)]

    def _encode_query(self, texts: Sequence[str]) -> np.ndarray:
        return self._encode(texts, at_once=False)

    def _bulky(self, texts: Sequence[str]) -> np.ndarray:
        with self._bulk:
            return self._encode(texts)

    def _encode(self, texts: Sequence[str], *, at_once: bool = True) -> np.ndarray:
        vectors: np.ndarray | None = None
        for start in range(0, len(texts), _TOKENIZED_AT_ONCE):
            some = texts[start : start + _TOKENIZED_AT_ONCE]
            tokens = [self._ids(encoding.ids) for encoding in self._tokenizer.encode_batch(some)]
            grouped = list(batches(tokens))
            given = ([tokens[place] for place in places] for places in grouped)
            # A lone batch, as a query is, waits for no worker.
            several = at_once and len(grouped) > 1
            runs = self._workers.map(self._run, given) if several else map(self._run, given)
            for places, found in zip(grouped, runs, strict=True):
                if vectors is None:
                    vectors = np.zeros((len(texts), found.shape[1]), np.float32)
                vectors[[start + place for place in places]] = found
        if vectors is None:
            return np.zeros((0, self.dimensions), np.float32)
        return vectors

    def _ids(self, ids: list[int]) -> list[int]:
        """Cut to the length, the closing special token kept."""
        longest = self._files.length
        return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]

    def _run(self, tokens: list[list[int]]) -> np.ndarray:
        """One batch: (B, S) token ids → (B, D) unit vectors."""
        shape = (len(tokens), max(1, max(map(len, tokens))))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, own in enumerate(tokens):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
        given = {
            "input_ids": ids,
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(ids),
        }
        fed = {name: value for name, value in given.items() if name in self._inputs}
        output = np.asarray(self._session.run(None, fed)[0], np.float32)
        return _unit(_pool(output, mask, self._files.pooling))


def _pool(output: np.ndarray, mask: np.ndarray, pooling: Pooling) -> np.ndarray:
    """(B, S, D) → (B, D); what has two axes was pooled in the graph."""
    if output.ndim == 2:
        return output
    if pooling == "cls":
        first: np.ndarray = output[:, 0]
        return first
    weights = mask[:, :, None].astype(np.float32)
    total: np.ndarray = (output * weights).sum(axis=1)
    mean: np.ndarray = total / np.maximum(weights.sum(axis=1), 1e-9)
    return mean


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.maximum(lengths, 1e-12)
    return unit
