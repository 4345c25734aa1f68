"""One thread of torch a test: several on a busy machine wait for each other more than they work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.compute.training.pretraining import disks


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB."""
    with disks.small_disk(tmp_path / "disk") as folder:
        yield folder
