"""What a run writes about itself, also where it can't be written."""

from pathlib import Path

import pytest

from stoa.compute.training.pretraining.board import Board
from stoa.compute.training.pretraining.flops import Cost
from stoa.core.jobs.folder import RunFolder
from tests.compute.training.pretraining.disks import filled


# TensorBoard's own thread ends with the error, and is never asked again.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_full_disk_ends_no_training_and_is_made_up_for(small_disk: Path) -> None:
    folder = RunFolder(small_disk)
    board = Board(folder, Cost(1, 1, 6, 6), 1.0, 1, writes=True)
    board.open(0, tensorboard=True)
    board.write(1, {"loss": 3.0})
    with filled(small_disk, 0):
        for step in range(2, 400):
            board.write(step, {"loss": 3.0 / step})
            folder.progress("training", step, 400)
    board.write(400, {"loss": 0.1})
    board.close()
    assert [line["step"] for line in folder.metrics()] == list(range(1, 401))
    assert not list(small_disk.glob(".*partial"))
