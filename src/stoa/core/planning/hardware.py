"""Devices and the links between them: the few physical numbers that plans are made of.

Peaks, sizes and bandwidths are the makers' data sheets. What a device reaches of them is given by four
shares, the only fitted numbers in a plan: they were fitted once, for the A100, on the layer times of
Korthikanti et al. 2022 (table 4, one model, one layer), and are held for every model and layout. Other
accelerators take the same shares unless their own are known. It knows no model and no layout.
"""

from dataclasses import dataclass, replace

GB = 1e9
GIB = 2**30


@dataclass(frozen=True)
class Device:
    """One accelerator (or one machine's processors)."""

    name: str
    peak: float
    """Dense BF16 matrix product, FLOP/s."""
    memory: float
    """Bytes."""
    bandwidth: float
    """Of its memory, bytes/s."""
    matrix_share: float = 0.79
    """Of the peak that a large matrix product reaches."""
    half_depth: float = 60.0
    """Inner dimension at which a product reaches half of that: what it takes to fill the pipeline."""
    memory_share: float = 0.88
    """Of the bandwidth that kernels which only move data reach."""
    attention_share: float = 0.55
    """Of the peak that fused attention reaches."""
    hidden_cost: float = 0.15
    """Of an exchange behind matrix products: the part of the device that it keeps busy."""
    launch: float = 3e-6
    """Seconds between kernels."""

    def product(self, rows: float, columns: float, depth: float, *, count: float = 1) -> float:
        """Seconds of `count` matrix products in two-byte numbers: arithmetic or memory, the slower."""
        work = 2 * rows * columns * depth * count
        reached = self.peak * self.matrix_share * depth / (depth + self.half_depth)
        moved = 2 * count * (rows * depth + depth * columns + rows * columns)
        return max(work / reached, self.move(moved)) + self.launch

    def move(self, size: float) -> float:
        """Seconds of a kernel that reads and writes so many bytes in all."""
        return size / (self.bandwidth * self.memory_share)


@dataclass(frozen=True)
class Cluster:
    """Equal nodes of equal devices, with a fast link inside a node and a slower one between."""

    device: Device
    nodes: int
    per_node: int
    fast: float
    """Bytes/s a device sends to its own node's others."""
    slow: float
    """Bytes/s a device sends to other nodes: its share of the node's network."""
    link_share: float = 0.63
    """Of a link that collective operations reach."""
    latency: float = 8e-6
    """Seconds a hop."""

    @property
    def devices(self) -> int:
        """How many there are in all."""
        return self.nodes * self.per_node

    def gather(self, size: float, ranks: int, *, stride: int = 1) -> float:
        """Seconds to all-gather (or reduce-scatter) `size` bytes over `ranks`, `stride` devices apart.

        A ring; across nodes every device of the ring in a node brings its own share of the network.
        """
        if ranks < 2:
            return 0.0
        within = max(1, min(ranks, self.per_node // stride))
        across = ranks > within
        rate = min(self.fast, self.slow * within) if across else self.fast
        hops = -(-ranks // within) + within if across else ranks
        return size * (ranks - 1) / ranks / (rate * self.link_share) + self.latency * hops

    def reduce(self, size: float, ranks: int, *, stride: int = 1) -> float:
        """Seconds to all-reduce `size` bytes: scatter the sums, gather them again."""
        return 2 * self.gather(size, ranks, stride=stride)

    def send(self, size: float, *, across: bool) -> float:
        """Seconds to send `size` bytes to one other device."""
        rate = self.slow if across else self.fast
        return size / (rate * self.link_share) + self.latency


A100 = Device("A100-80GB", 312e12, 80 * GB, 2039 * GB)
H100 = Device("H100-SXM", 989.4e12, 80 * GB, 3350 * GB, matrix_share=0.70)
H200 = Device("H200-SXM", 989.4e12, 141 * GB, 4800 * GB, matrix_share=0.70)
TRAINIUM1 = Device("Trainium1 core", 95e12, 16 * GB, 410 * GB, matrix_share=0.70)
LAPTOP = Device("Laptop CPU", 0.4e12, 16 * GIB, 40 * GB, launch=2e-6)
"""Eight cores with 256-bit vector units in FP32, which is what our engine trains with on a CPU."""

_NODES: dict[str, Cluster] = {
    "a100": Cluster(A100, 1, 8, fast=300 * GB, slow=25 * GB),
    "h100": Cluster(H100, 1, 8, fast=450 * GB, slow=50 * GB),
    "h200": Cluster(H200, 1, 8, fast=450 * GB, slow=50 * GB),
    "trainium1": Cluster(TRAINIUM1, 1, 32, fast=96 * GB, slow=3.125 * GB),
    "laptop": Cluster(LAPTOP, 1, 1, fast=10 * GB, slow=0.125 * GB),
}
KINDS = tuple(_NODES)
"""One node of each: A100 (DGX, 8 × HDR 200 Gb/s), H100 and H200 (HGX, 8 × NDR 400 Gb/s), trn1.32xlarge
(32 cores of 16 chips, 800 Gb/s of EFA), a laptop."""


def cluster_of(kind: str, nodes: int) -> Cluster:
    """So many nodes of a kind in `KINDS`. Raises KeyError for others."""
    return replace(_NODES[kind], nodes=nodes)


def measured(
    *, matrix_rate: float, memory_rate: float, memory: float, link_rate: float, processes: int = 1
) -> Cluster:
    """This machine as a health check found it: rates are what was reached, so every share is one.

    Args:
        matrix_rate: FLOP/s of a large matrix product, of all processes together.
        memory_rate: bytes/s copied, of all processes together.
        memory: bytes there are.
        link_rate: bytes/s between two processes.
        processes: how many share the machine.
    """
    device = Device(
        "This machine",
        matrix_rate / processes,
        memory / processes,
        memory_rate / processes,
        matrix_share=1.0,
        half_depth=8.0,
        memory_share=1.0,
        launch=5e-6,
    )
    return Cluster(device, 1, processes, fast=link_rate, slow=link_rate, link_share=1.0)
