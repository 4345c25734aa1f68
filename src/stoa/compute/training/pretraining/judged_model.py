"""A model of ours as lm-evaluation-harness asks it: how likely is a continuation, and what comes next.

The harness' own adapter for transformers wants two further libraries and a tokenizer by name; this one
is what its tasks need. Texts are cut from the left to what the model was trained for. Windows of about the
same length go through the model together, filled up on the right, which a causal model does not see.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from torch.nn import functional
from transformers import LlamaForCausalLM

from stoa.compute.training.pretraining.data.vocabulary import Vocabulary

_MOST_NEW = 64
_TOKENS_AT_ONCE: Final = 4096


@dataclass(frozen=True)
class _Scored:
    """The tokens of a window after its first."""

    log_probabilities: torch.Tensor  # [tokens - 1]
    likeliest: torch.Tensor  # [tokens - 1], bool: whether no other token was likelier


class JudgedModel(LM):  # type: ignore[misc]
    """One model with its vocabulary."""

    def __init__(self, model: LlamaForCausalLM, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._model, self._vocabulary = model, vocabulary
        self._longest = int(model.config.max_position_embeddings)

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Of each (context, continuation): its log-probability, and whether it is the likeliest."""
        asked = [self._window(*each.args) for each in requests]
        scored = self._scored([window for window, _ in asked])
        found = []
        for each, (window, count) in zip(scored, asked, strict=True):
            first = len(window) - 1 - count
            likely = float(each.log_probabilities[first:].sum())
            found.append((likely, bool(each.likeliest[first:].all())))
        return found

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Log-probability of whole texts, in windows that do not overlap."""
        texts = [self._tokens(each.args[0]) for each in requests]
        windows = [
            (number, tokens[start : start + self._longest + 1])
            for number, tokens in enumerate(texts)
            for start in range(0, len(tokens) - 1, self._longest)
        ]
        totals = [0.0] * len(texts)
        scored = self._scored([window for _, window in windows])
        for (number, _), each in zip(windows, scored, strict=True):
            totals[number] += float(each.log_probabilities.sum())
        return totals

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Greedy continuations, up to a stop text."""
        return [self._generated(*each.args) for each in requests]

    def _window(self, context: str, continuation: str) -> tuple[list[int], int]:
        """The tokens of both, as many as fit, and how many of the last are the continuation's."""
        before = self._tokens(context) or self._tokens(" ")
        after = self._tokens(continuation)
        tokens = (before + after)[-self._longest - 1 :]
        return tokens, min(len(after), len(tokens) - 1)

    def _generated(self, context: str, wanted: dict[str, Any]) -> str:
        until = wanted.get("until") or []
        stops = [until] if isinstance(until, str) else list(until)
        tokens, begun = self._tokens(context), ""
        for _ in range(int(wanted.get("max_gen_toks", _MOST_NEW))):
            window = tokens[-self._longest :]
            tokens.append(int(self._logits([window])[0, -1].argmax()))
            begun += self._vocabulary.decode(tokens[-1:])
            if any(stop in begun for stop in stops):
                break
        return begun

    def _scored(self, windows: Sequence[list[int]]) -> list[_Scored]:
        """Of windows of two tokens or more, in their order."""
        found: dict[int, _Scored] = {}
        for places in _batches([len(each) for each in windows]):
            longest = len(windows[places[0]])
            filled = [windows[at] + [0] * (longest - len(windows[at])) for at in places]
            logits = self._logits([each[:-1] for each in filled])
            wanted = torch.tensor(filled, device=logits.device)[:, 1:]
            chosen = functional.log_softmax(logits, dim=-1).gather(2, wanted[..., None])[..., 0]
            likeliest = logits.argmax(2) == wanted
            for row, at in enumerate(places):
                until = len(windows[at]) - 1
                found[at] = _Scored(chosen[row, :until].cpu(), likeliest[row, :until].cpu())
        return [found[at] for at in range(len(windows))]

    @torch.inference_mode()
    def _logits(self, rows: list[list[int]]) -> torch.Tensor:
        """[rows, tokens, vocabulary]"""
        given = torch.tensor(rows, device=self._model.device)
        found: torch.Tensor = self._model(given).logits.float()
        return found

    def _tokens(self, text: str) -> list[int]:
        return [int(each) for each in self._vocabulary.encode([text])[0]]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of windows that go through the model together, longest first."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > _TOKENS_AT_ONCE:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch
