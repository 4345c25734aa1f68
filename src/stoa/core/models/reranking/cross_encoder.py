"""Runs a cross-encoder kept as an ONNX graph with its tokenizer: any local one with one output a pair.

A text that is longer than the model reads is cut into overlapping pieces, and its best piece counts: so
an answer at the end of a long passage is seen, too.
"""

import asyncio
from collections.abc import Sequence

import numpy as np
from tokenizers import Encoding

from stoa.core.models.embedding.encoder_files import EncoderFiles
from stoa.core.models.embedding.onnx_graph import batches, open_session, open_tokenizer
from stoa.core.models.reranking.reranker import Scored

_OVERLAP = 8
"""Neighbouring pieces share one in so many of the tokens that the model reads."""


class CrossEncoder:
    """A loaded cross-encoder. Safe to use from several threads and event loops at once."""

    def __init__(self, name: str, files: EncoderFiles) -> None:
        """Load it. Blocking. Raises SetupError where a file is not what it should be."""
        self.name = name
        self._length = files.length
        self._words = open_tokenizer(files.tokenizer)
        self._words.no_padding()
        self._words.no_truncation()
        self._pairs = open_tokenizer(files.tokenizer)
        self._pairs.no_padding()
        self._pairs.enable_truncation(
            files.length, stride=files.length // _OVERLAP, strategy="only_second"
        )
        self._session = open_session(files.graph)
        self._inputs = {given.name for given in self._session.get_inputs()}

    async def score(self, query: str, texts: Sequence[str]) -> Scored:
        """See `Reranker`."""
        return await asyncio.to_thread(self._score, query, texts)

    def _score(self, query: str, texts: Sequence[str]) -> Scored:
        asked = self._shortened(query)
        pieces: list[Encoding] = []
        owners: list[int] = []
        for owner, encoding in enumerate(self._pairs.encode_batch([(asked, t) for t in texts])):
            own = [encoding, *encoding.overflowing]
            pieces += own
            owners += [owner] * len(own)
        found = np.full(len(texts), -np.inf, np.float32)
        for places in batches([piece.ids for piece in pieces]):
            scores = self._run([pieces[place] for place in places])
            np.maximum.at(found, [owners[place] for place in places], scores)
        return Scored(found, sum(len(piece.ids) for piece in pieces))

    def _shortened(self, query: str) -> str:
        """At most half of what the model reads, so that there is room for the text."""
        encoding = self._words.encode(query, add_special_tokens=False)
        most = self._length // 2
        return query if len(encoding.ids) <= most else query[: encoding.offsets[most - 1][1]]

    def _run(self, pieces: Sequence[Encoding]) -> np.ndarray:
        """One batch: B pairs → (B,) scores. Of two classes the second is "relevant"."""
        shape = (len(pieces), max(len(piece.ids) for piece in pieces))
        given = {
            name: np.zeros(shape, np.int64)
            for name in ("input_ids", "attention_mask", "token_type_ids")
        }
        for row, piece in enumerate(pieces):
            size = len(piece.ids)
            given["input_ids"][row, :size] = piece.ids
            given["attention_mask"][row, :size] = 1
            given["token_type_ids"][row, :size] = piece.type_ids
        fed = {name: value for name, value in given.items() if name in self._inputs}
        logits = np.asarray(self._session.run(None, fed)[0], np.float32).reshape(len(pieces), -1)
        scores: np.ndarray = logits[:, -1] - (logits[:, 0] if logits.shape[1] == 2 else 0.0)
        return scores
