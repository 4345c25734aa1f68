"""A look at a source: what is new comes in, what changed replaces, what is gone goes."""

import os
from pathlib import Path
from typing import Any

import pytest

from stoa.base.settings import Settings
from stoa.solutions.ask_docs.schema import AnswerKind
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk
from tests.solutions.ask_docs.places import GitServer, Pages, commit, counts, html

QUESTION = "How many days of annual leave does every employee have?"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    return {"source_folders": str(tmp_path / "shared"), "fetch_private": True}


@pytest.mark.slow
async def test_a_folder_is_followed(open_desk: Desk, folder: Path) -> None:
    desk = open_desk
    (folder / "leave.md").write_text(LEAVE)
    (folder / "deep").mkdir()
    (folder / "deep" / "parking.md").write_text(PARKING)
    (folder / "picture.jpg").write_bytes(b"no document")
    (folder / ".hidden.md").write_text("# Hidden\n\nNobody reads this.")
    source = await desk.call("source_add", kind="folder", location=str(folder))
    assert counts(await desk.call("sync", source=source.id)) == (2, 0, 0, 0, 0)
    assert "25 days" in (await desk.ask(QUESTION)).text
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 2, 0)

    (folder / "leave.md").write_text(LEAVE.replace("25", "28"))
    assert counts(await desk.call("sync", source=source.id)) == (0, 1, 0, 1, 0)
    assert "28 days" in (await desk.ask(QUESTION)).text

    (folder / "leave.md").unlink()
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 1, 1, 0)
    assert (await desk.ask(QUESTION)).kind is AnswerKind.NOT_FOUND
    assert [row.name for row in await desk.rows()] == ["parking.md"]

    (folder / "deep" / "parking.md").rename(folder / "cars.md")
    assert counts(await desk.call("sync", source=source.id)) == (1, 0, 1, 0, 0)
    listed = (await desk.call("sources")).sources[0]
    assert (listed.documents, listed.problem) == (1, "")
    assert listed.next_at > listed.last_at


async def test_drafts_from_a_source_wait_for_review(desk: Desk, folder: Path) -> None:
    (folder / "leave.md").write_text(LEAVE)
    source = await desk.call("source_add", kind="folder", location=str(folder))
    await desk.call("sync", source=source.id)
    draft = (await desk.call("list", due=True)).documents[0]
    await desk.call("reject", document=draft.id)
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 1, 0)  # stays rejected


async def test_a_folder_that_went_missing_deletes_nothing(open_desk: Desk, folder: Path) -> None:
    (folder / "leave.md").write_text(LEAVE)
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=source.id)
    os.rename(folder, folder.with_name("unmounted"))  # a lost mount
    report = await open_desk.call("sync", source=source.id)
    assert report.problem
    assert "25 days" in (await open_desk.ask(QUESTION)).text
    assert (await open_desk.call("sources")).sources[0].problem == report.problem


@pytest.mark.parametrize("how", ["gone", "source removed"])
async def test_many_documents_go_with_one_purge_of_the_index(
    how: str, open_desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk
    for number in range(4):
        (folder / f"{number}.md").write_text(f"{LEAVE}\n\nEdition {number}.")
    source = await desk.call("source_add", kind="folder", location=str(folder))
    await desk.call("sync", source=source.id)
    index = desk.house.platform.knowledge._index
    purged: list[list[str]] = []
    delete = index.delete

    async def counted(workspace: str, documents: list[str] | None = None) -> None:
        purged.append(list(documents or []))
        await delete(workspace, documents)

    monkeypatch.setattr(index, "delete", counted)
    if how == "gone":
        for number in range(3):
            (folder / f"{number}.md").unlink()
        assert counts(await desk.call("sync", source=source.id)) == (0, 0, 3, 1, 0)
    else:
        await desk.call("source_remove", source=source.id, documents=True)
    left = 1 if how == "gone" else 0
    assert [len(documents) for documents in purged] == [4 - left]
    assert len(await desk.rows()) == left
    assert bool((await desk.ask(QUESTION)).passages) == bool(left)


async def test_a_copy_within_a_source_is_the_document_that_is_there(
    open_desk: Desk, folder: Path
) -> None:
    desk = open_desk
    (folder / "leave.md").write_text(LEAVE)
    (folder / "leave copy.md").write_text(LEAVE)
    source = await desk.call("source_add", kind="folder", location=str(folder))
    assert counts(await desk.call("sync", source=source.id)) == (1, 0, 0, 1, 0)
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 2, 0)
    [row] = await desk.rows()
    (folder / row.source_key).unlink()  # the other takes its place
    assert counts(await desk.call("sync", source=source.id)) == (1, 0, 1, 0, 0)
    assert "25 days" in (await desk.ask(QUESTION)).text


async def test_a_file_that_became_a_copy_leaves_no_old_words(open_desk: Desk, folder: Path) -> None:
    desk = open_desk
    await desk.add("parking by hand.md", PARKING)
    (folder / "leave.md").write_text(LEAVE)
    source = await desk.call("source_add", kind="folder", location=str(folder))
    await desk.call("sync", source=source.id)
    (folder / "leave.md").write_text(PARKING)
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 1, 1, 0)
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 1, 0)
    assert [row.name for row in await desk.rows()] == ["parking by hand.md"]


async def test_a_copy_of_a_draft_takes_nothing_away(open_desk: Desk, folder: Path) -> None:
    desk = open_desk
    (folder / "leave.md").write_text(LEAVE)
    source = await desk.call("source_add", kind="folder", location=str(folder))
    await desk.call("sync", source=source.id)
    await desk.call("collection_set", collection="General", review=True)
    await desk.add("parking by hand.md", PARKING)
    (folder / "leave.md").write_text(PARKING)
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 1, 0)
    assert "25 days" in (await desk.ask(QUESTION)).text


async def test_two_files_that_changed_places_are_both_kept(open_desk: Desk, folder: Path) -> None:
    (folder / "a.md").write_text(LEAVE)
    (folder / "b.md").write_text(PARKING)
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=source.id)
    (folder / "a.md").write_text(PARKING)
    (folder / "b.md").write_text(LEAVE)
    assert (await open_desk.call("sync", source=source.id)).deleted == 0
    assert {row.state for row in await open_desk.rows()} == {"current"}


async def test_a_folder_that_is_suddenly_empty_is_not_believed(
    open_desk: Desk, folder: Path
) -> None:
    (folder / "leave.md").write_text(LEAVE)
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    assert not (await open_desk.call("sync", source=source.id)).problem
    (folder / "leave.md").unlink()  # what an unmounted share looks like
    report = await open_desk.call("sync", source=source.id)
    assert counts(report) == (0, 0, 0, 1, 0)
    assert "nothing" in report.problem
    assert "source_remove" in report.hint
    assert "25 days" in (await open_desk.ask(QUESTION)).text
    (folder / "leave.md").write_text(LEAVE)
    assert not (await open_desk.call("sync", source=source.id)).problem


async def test_a_file_that_grew_too_large_keeps_its_document(
    open_desk: Desk, folder: Path, settings: Settings
) -> None:
    (folder / "leave.md").write_text(LEAVE)
    (folder / "parking.md").write_text(PARKING)
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=source.id)
    os.truncate(folder / "leave.md", settings.upload_limit_mb * 2**20 + 1)
    report = await open_desk.call("sync", source=source.id)
    assert counts(report) == (0, 0, 0, 2, 0)
    assert "leave.md" in report.problem
    assert "STOA_UPLOAD_LIMIT_MB" in report.hint
    assert (await open_desk.call("sources")).sources[0].problem == report.problem
    assert "25 days" in (await open_desk.ask(QUESTION)).text


async def test_what_can_not_be_read_keeps_its_documents(
    open_desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusals come from here: tests may run as root, whom no permission stops."""
    for name in ("leave.md", "deep/parking.md", "deep/er/parking.md", "deeper.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{LEAVE}\nKept as {name}.\n")
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    await open_desk.call("sync", source=source.id)
    (folder / "deeper.md").unlink()  # this one is gone, and near the folder in name alone
    closed = {str(folder / "deep"), str(folder / "leave.md")}
    scandir, opened = os.scandir, Path.open

    def refuse(path: Any) -> None:
        if str(path) in closed:
            raise PermissionError(13, "Permission denied", str(path))

    def closed_scandir(path: Any) -> Any:
        refuse(path)
        return scandir(path)

    def closed_open(path: Path, *arguments: Any, **more: Any) -> Any:
        refuse(path)
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "scandir", closed_scandir)
    monkeypatch.setattr(Path, "open", closed_open)
    report = await open_desk.call("sync", source=source.id)
    assert counts(report) == (0, 0, 1, 3, 0)
    assert "deep/" in report.problem
    assert "leave.md" in report.problem
    assert report.hint
    closed.add(str(folder))
    assert counts(await open_desk.call("sync", source=source.id)) == (0, 0, 0, 3, 0)
    closed.clear()
    assert not (await open_desk.call("sync", source=source.id)).problem


async def test_a_name_that_is_no_text_stops_no_other_file(open_desk: Desk, folder: Path) -> None:
    (folder / "leave.md").write_text(LEAVE)
    (folder / os.fsdecode(b"caf\xe9.md")).write_text(PARKING)
    source = await open_desk.call("source_add", kind="folder", location=str(folder))
    report = await open_desk.call("sync", source=source.id)
    assert counts(report) == (1, 0, 0, 0, 0)
    assert "name" in report.problem
    assert report.hint


async def test_a_web_page_is_followed(open_desk: Desk, web: str) -> None:
    desk = open_desk
    Pages.pages["/leave"] = (200, html(25))
    source = await desk.call("source_add", kind="web", location=f"{web}/leave")
    assert counts(await desk.call("sync", source=source.id)) == (1, 0, 0, 0, 0)
    answer = await desk.ask(QUESTION)
    assert "25 days" in answer.text
    assert answer.sentences[0].citations[0].reference == f"{web}/leave"
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 1, 0)
    Pages.pages["/leave"] = (200, html(28))
    assert counts(await desk.call("sync", source=source.id)) == (0, 1, 0, 0, 0)
    Pages.pages["/leave"] = (500, "")
    assert (await desk.call("sync", source=source.id)).problem  # a fault deletes nothing
    assert "28 days" in (await desk.ask(QUESTION)).text
    Pages.pages["/leave"] = (404, "")
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 1, 0, 0)
    assert (await desk.ask(QUESTION)).kind is AnswerKind.NOT_FOUND


async def test_a_repository_is_followed(open_desk: Desk, repository: Path) -> None:
    desk = open_desk
    (repository / "docs").mkdir()
    (repository / "docs" / "leave.md").write_text(LEAVE)
    (repository / "parking.md").write_text(PARKING)
    (repository / "code.py").write_text("print()")
    commit(repository)
    source = await desk.call("source_add", kind="git", location=str(repository), branch="main")
    assert counts(await desk.call("sync", source=source.id)) == (2, 0, 0, 0, 0)
    assert "25 days" in (await desk.ask(QUESTION)).text
    (repository / "docs" / "leave.md").write_text(LEAVE.replace("25", "28"))
    (repository / "parking.md").unlink()
    commit(repository)
    assert counts(await desk.call("sync", source=source.id)) == (0, 1, 1, 0, 0)
    assert "28 days" in (await desk.ask(QUESTION)).text


async def test_a_repository_elsewhere_is_followed(
    open_desk: Desk, repository: Path, git_host: str
) -> None:
    desk = open_desk
    (repository / "docs").mkdir()
    (repository / "docs" / "leave.md").write_text(LEAVE)
    (repository / "parking.md").write_text(PARKING)
    commit(repository)
    source = await desk.call("source_add", kind="git", location=git_host)
    assert counts(await desk.call("sync", source=source.id)) == (2, 0, 0, 0, 0)
    answer = await desk.ask(QUESTION)
    assert "25 days" in answer.text
    assert answer.sentences[0].citations[0].reference == f"{git_host}/docs/leave.md"
    assert counts(await desk.call("sync", source=source.id)) == (0, 0, 0, 2, 0)

    (repository / "docs" / "leave.md").write_text(LEAVE.replace("25", "28"))
    (repository / "parking.md").unlink()
    commit(repository)
    assert counts(await desk.call("sync", source=source.id)) == (0, 1, 1, 0, 0)
    assert "28 days" in (await desk.ask(QUESTION)).text
    assert [row.name for row in await desk.rows() if row.state == "current"] == ["leave.md"]
    assert any(path.endswith("/git-upload-pack") for path in GitServer.asked)

    os.rename(repository, repository.with_name("moved"))
    report = await desk.call("sync", source=source.id)
    assert counts(report) == (0, 0, 0, 0, 0)
    assert "not found" in report.problem
    assert report.hint
    assert "28 days" in (await desk.ask(QUESTION)).text


async def test_a_repository_without_documents_is_not_believed(
    open_desk: Desk, repository: Path
) -> None:
    (repository / "leave.md").write_text(LEAVE)
    commit(repository)
    source = await open_desk.call("source_add", kind="git", location=str(repository))
    await open_desk.call("sync", source=source.id)
    (repository / "leave.md").unlink()
    commit(repository)
    report = await open_desk.call("sync", source=source.id)
    assert counts(report) == (0, 0, 0, 1, 0)
    assert "source_remove" in report.hint


async def test_an_empty_repository_is_no_reason_to_crash(desk: Desk, repository: Path) -> None:
    source = await desk.call("source_add", kind="git", location=str(repository), branch="nowhere")
    report = await desk.call("sync", source=source.id)
    assert "nowhere" in report.problem
    assert report.hint
