"""How a training run is spread over devices, and why a spread may be impossible."""

from dataclasses import dataclass
from typing import Literal

from stoa.core.planning.hardware import Cluster
from stoa.core.planning.shapes import ModelShape

Recompute = Literal["none", "selective", "full"]
Sharding = Literal["none", "optimiser", "full"]


@dataclass(frozen=True)
class Layout:
    """Degrees of parallelism and what goes with them. Devices: tensor · pipeline · data."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    sequence_parallel: bool = False
    """Norms and dropouts of a tensor-parallel group work on their own part of the sequence."""
    micro_batch: int = 1
    """Sequences a device works on at a time."""
    accumulation: int = 1
    """Micro-batches a step."""
    interleave: int = 1
    """Parts of a pipeline stage: more parts, a smaller bubble."""
    recompute: Recompute = "selective"
    sharding: Sharding = "none"
    """What the data-parallel ranks share out: nothing, the optimiser's states (ZeRO-1), or weights,
    gradients and states (FSDP, ZeRO-3)."""

    @property
    def devices(self) -> int:
        """How many it takes."""
        return self.tensor * self.pipeline * self.data

    @property
    def batch(self) -> int:
        """Sequences a step."""
        return self.data * self.micro_batch * self.accumulation

    def problems(self, shape: ModelShape, cluster: Cluster) -> list[str]:
        """Why it can't be, each in a sentence; empty where it can."""
        split = self.pipeline * self.interleave
        checks = [
            (
                self.devices == cluster.devices,
                f"It takes {self.devices} devices; the cluster has {cluster.devices}.",
            ),
            (
                shape.heads % self.tensor == 0,
                f"{shape.heads} heads don't divide by tensor {self.tensor}.",
            ),
            (
                shape.kv_heads % self.tensor == 0 or self.tensor % shape.kv_heads == 0,
                f"{shape.kv_heads} key-value heads don't divide by tensor {self.tensor}.",
            ),
            (
                shape.feed_forward % self.tensor == 0,
                f"Feed-forward {shape.feed_forward} doesn't divide by tensor {self.tensor}.",
            ),
            (
                not self.sequence_parallel or shape.sequence % self.tensor == 0,
                f"A sequence of {shape.sequence} doesn't divide by tensor {self.tensor}.",
            ),
            (
                shape.layers % split == 0,
                f"{shape.layers} layers don't divide by {self.pipeline} stages"
                + (f" of {self.interleave} parts." if self.interleave > 1 else "."),
            ),
            (
                self.interleave == 1
                or (self.pipeline > 1 and self.accumulation % self.pipeline == 0),
                "Interleaving wants a pipeline, and micro-batches that divide by its stages.",
            ),
            (
                self.pipeline == 1 or self.sharding != "full",
                "Sharded weights would be gathered anew for every micro-batch of a pipeline.",
            ),
        ]
        return [said for holds, said in checks if not holds]

    def told(self) -> str:
        """In a line, as people write it."""
        parts = [f"TP {self.tensor}", f"PP {self.pipeline}", f"DP {self.data}"]
        if self.sequence_parallel:
            parts.append("SP")
        parts.append(f"{self.micro_batch} × {self.accumulation}")
        if self.interleave > 1:
            parts.append(f"interleave {self.interleave}")
        parts.append(f"recompute {self.recompute}")
        if self.sharding != "none":
            parts.append(f"shard {self.sharding}")
        return ", ".join(parts)
