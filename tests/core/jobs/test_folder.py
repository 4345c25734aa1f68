"""The run folder: what is noted is noted whole, a full disk ends nothing, an error of ours is told."""

import json
from pathlib import Path

import pytest

from stoa.base.errors import InvalidInput
from stoa.core.jobs.folder import (
    FAILURE,
    METRICS,
    Lines,
    RunFolder,
    read_json,
    work_in_folder,
    write_whole,
)


def test_what_a_full_disk_did_not_take_is_written_with_the_next(tmp_path: Path) -> None:
    full = tmp_path / METRICS
    full.symlink_to("/dev/full")  # every write finds no space
    folder = RunFolder(tmp_path)
    folder.metric(1, loss=0.5)
    folder.metric(2, loss=float("nan"))
    full.unlink()
    folder.metric(3, loss=0.25)
    assert [(each["step"], each["values"]) for each in folder.metrics()] == [
        (1, {"loss": 0.5}),
        (2, {"loss": "nan"}),
        (3, {"loss": 0.25}),
    ]


def test_progress_that_cannot_be_told_is_not_told(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    RunFolder(nowhere).progress("training", 1, 2)
    with pytest.raises(OSError, match="file"):
        write_whole(nowhere / "result.json", "{}")


def test_lines_of_several_writers_stay_whole(tmp_path: Path) -> None:
    writers = [Lines(tmp_path / "lines.jsonl") for _ in range(3)]
    for number in range(30):
        writers[number % 3].add({"number": number})
    found = [json.loads(line)["number"] for line in writers[0].path.read_text().splitlines()]
    assert found == list(range(30))


def test_work_that_refuses_says_why_and_a_fault_does_not_pass_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["work", "--folder", str(tmp_path)])

    def refuse(_: RunFolder) -> None:
        raise InvalidInput("There is no data.", hint="Prepare them first.")

    def break_down(_: RunFolder) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work_in_folder(break_down)
    assert not (tmp_path / FAILURE).exists()
    assert work_in_folder(refuse) == InvalidInput.exit_code
    assert read_json(tmp_path / FAILURE) == {
        "message": "There is no data.",
        "hint": "Prepare them first.",
    }
    assert "There is no data." in capsys.readouterr().err
    assert work_in_folder(lambda folder: folder.finish()) == 0
