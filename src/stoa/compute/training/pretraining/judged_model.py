"""A model of ours as lm-evaluation-harness asks it: how likely is a continuation, and what comes next.

The harness' own adapter for transformers wants two further libraries and a tokenizer by name; this one
is what its tasks need. Texts are cut from the left to what the model was trained for.
"""

from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from torch.nn import functional
from transformers import LlamaForCausalLM

from stoa.compute.training.pretraining.data.vocabulary import Vocabulary

_MOST_NEW = 64


class JudgedModel(LM):  # type: ignore[misc]
    """One model with its vocabulary."""

    def __init__(self, model: LlamaForCausalLM, vocabulary: Vocabulary) -> None:
        super().__init__()
        self._model, self._vocabulary = model, vocabulary
        self._longest = int(model.config.max_position_embeddings)

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Of each (context, continuation): its log-probability, and whether it is the likeliest."""
        return [self._continued(*each.args) for each in requests]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Log-probability of whole texts, in windows that do not overlap."""
        return [self._whole(each.args[0]) for each in requests]

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Greedy continuations, up to a stop text."""
        return [self._generated(*each.args) for each in requests]

    def _continued(self, context: str, continuation: str) -> tuple[float, bool]:
        before = self._tokens(context) or self._tokens(" ")
        after = self._tokens(continuation)
        tokens = (before + after)[-self._longest - 1 :]
        count = min(len(after), len(tokens) - 1)
        scores = self._scores(tokens)[-count:]
        wanted = torch.tensor(tokens[-count:])
        found = scores.gather(1, wanted[:, None])[:, 0]
        return float(found.sum()), bool((scores.argmax(1) == wanted).all())

    def _whole(self, text: str) -> float:
        tokens, total = self._tokens(text), 0.0
        for start in range(0, len(tokens) - 1, self._longest):
            window = tokens[start : start + self._longest + 1]
            scores = self._scores(window)
            total += float(scores.gather(1, torch.tensor(window[1:])[:, None]).sum())
        return total

    def _generated(self, context: str, wanted: dict[str, Any]) -> str:
        until = wanted.get("until") or []
        stops = [until] if isinstance(until, str) else list(until)
        tokens, begun = self._tokens(context), ""
        for _ in range(int(wanted.get("max_gen_toks", _MOST_NEW))):
            window = tokens[-self._longest :]
            tokens.append(int(self._logits(window)[-1].argmax()))
            begun += self._vocabulary.decode(tokens[-1:])
            if any(stop in begun for stop in stops):
                break
        return begun

    @torch.inference_mode()
    def _logits(self, tokens: list[int]) -> torch.Tensor:
        found: torch.Tensor = self._model(torch.tensor([tokens])).logits[0].float()
        return found

    def _scores(self, tokens: list[int]) -> torch.Tensor:
        """Log-probabilities of every token after the first."""
        return functional.log_softmax(self._logits(tokens[:-1]), dim=-1)

    def _tokens(self, text: str) -> list[int]:
        return [int(each) for each in self._vocabulary.encode([text])[0]]
