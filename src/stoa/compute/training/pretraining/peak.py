"""What a device could do at best, so that MFU has something to be a share of.

The maker's figure of dense bfloat16 products for known GPUs; on a CPU, or a GPU unknown here, the rate of a
matrix product measured on the spot, in the precision that training uses.
"""

import time
from typing import Final

import torch

# TFLOP/s of dense bfloat16 (no sparsity), from the makers' data sheets.
_KNOWN: Final = {
    "A100": 312.0,
    "H100 PCIe": 756.0,
    "H100": 989.0,
    "H200": 989.0,
    "B200": 2250.0,
    "L40S": 362.0,
    "L4": 121.0,
    "MI300X": 1307.0,
}


def peak_tflops(
    device: torch.device, dtype: torch.dtype, stated: float | None
) -> tuple[float, str]:
    """TFLOP/s of one device, and where the figure is from."""
    if stated is not None:
        return stated, "stated in the recipe"
    if device.type == "cuda" and dtype == torch.bfloat16:
        name = torch.cuda.get_device_name(device)
        for known, figure in _KNOWN.items():
            if known.lower() in name.lower():
                return figure, f"data sheet of {known}"
    return measured_tflops(device, dtype), "measured matrix product"


def measured_tflops(device: torch.device, dtype: torch.dtype, *, seconds: float = 0.3) -> float:
    """The best rate of a large matrix product over a few tries."""
    size = 1024 if device.type == "cpu" else 8192
    a = torch.randn(size, size, device=device).to(dtype)
    b = torch.randn(size, size, device=device).to(dtype)
    best, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until or not best:
        _wait(device)
        begun = time.perf_counter()
        torch.mm(a, b)
        _wait(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - begun) / 1e12)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
