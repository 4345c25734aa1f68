"""What Korthikanti et al. 2022 published: layouts, activation memory and iteration times on A100s.

"Reducing Activation Recomputation in Large Transformer Models", table 3 (layouts), figure 1 (memory) and
table 5 (seconds an iteration); table 4 (milliseconds of one layer) is what the shares in `hardware.py`
were fitted on, so it is no test of them.
"""

from dataclasses import dataclass

from stoa.core.planning.hardware import Cluster, cluster_of
from stoa.core.planning.layout import Layout, Recompute


@dataclass(frozen=True)
class Published:
    """One row of the tables."""

    model: str
    pipeline: int
    interleave: int
    micro_batch: int
    accumulation: int
    whole_gib: float
    """Activations without recomputation or sequence parallelism."""
    lean_gib: float
    """With selective recomputation and sequence parallelism."""
    states_gib: float
    """Weights, gradients and optimiser, by the paper's parameters (layers alone)."""
    full_seconds: float
    lean_seconds: float

    @property
    def cluster(self) -> Cluster:
        """Nodes of eight A100."""
        return cluster_of("a100", self.pipeline)

    def layout(self, *, recompute: Recompute, sequence_parallel: bool) -> Layout:
        """The table's layout."""
        return Layout(
            tensor=8,
            pipeline=self.pipeline,
            interleave=self.interleave,
            micro_batch=self.micro_batch,
            accumulation=self.accumulation,
            recompute=recompute,
            sequence_parallel=sequence_parallel,
        )

    @property
    def full(self) -> Layout:
        """Everything is computed again."""
        return self.layout(recompute="full", sequence_parallel=False)

    @property
    def lean(self) -> Layout:
        """The paper's own way."""
        return self.layout(recompute="selective", sequence_parallel=True)


PUBLISHED = (
    Published("megatron-22b", 1, 1, 4, 1, 59.25, 9.5625, 45.5625, 1.42, 1.10),
    Published("gpt3-175b", 8, 3, 1, 64, 66.84375, 12.3515625, 45.5625, 18.13, 13.75),
    Published("mt-nlg-530b", 35, 3, 1, 280, 114.0234375, 23.076171875, 31.640625, 49.05, 37.83),
    Published("megatron-1t", 64, 1, 1, 512, 131.25, 26.5625, 32.958984375, 94.42, 71.49),
)
LAYER_MILLISECONDS: tuple[tuple[Recompute, bool, float, float], ...] = (
    ("none", False, 7.7, 11.9),
    ("none", True, 7.2, 11.8),
    ("full", False, 7.7, 19.5),
    ("selective", False, 7.7, 13.2),
    ("selective", True, 7.2, 13.1),
)
"""Of the 22B's layer: recomputation, sequence parallelism, forward, backward."""
