"""Uploads: limits, names, and other workspaces."""

import hashlib
from pathlib import Path

import pytest

from stoa.base.database import Database
from stoa.base.errors import InvalidInput, NotFound, TooLarge
from stoa.base.files import Files, clean_name
from stoa.base.identity.caller import Caller, Role
from stoa.base.objects import Objects


@pytest.fixture
def objects() -> Objects:
    return Objects("memory://", secret=b"s" * 32, public_url="http://here")


@pytest.fixture
def files(database: Database, objects: Objects) -> Files:
    return Files(database, objects, limit_bytes=1000)


async def test_an_upload_is_a_row_and_an_object(
    files: Files, objects: Objects, alice: Caller, mia: Caller
) -> None:
    added = await files.add(alice, "Manual.pdf", b"content")
    assert (added.name, added.size) == ("Manual.pdf", 7)
    assert added.sha256 == hashlib.sha256(b"content").hexdigest()
    assert added.object_key == f"workspace_a/files/{added.id}"
    assert await objects.get(added.object_key) == b"content"
    assert await files.get(alice, added.id) == await files.get(mia, added.id) == added


async def test_a_path_is_streamed_and_stays(
    files: Files, objects: Objects, alice: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"x" * 1000)
    added = await files.add(alice, "x.bin", path)
    assert added.size == 1000
    assert path.exists()
    assert await objects.get(added.object_key) == path.read_bytes()


async def test_over_the_limit_nothing_is_kept(
    files: Files, objects: Objects, alice: Caller, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b"x" * 1001)
    for content in (path, path.read_bytes()):
        with pytest.raises(TooLarge) as caught:
            await files.add(alice, "x", content)
        assert "STOA_UPLOAD_LIMIT_MB" in caught.value.hint
    assert await objects.list("") == []


async def test_another_workspace_sees_and_deletes_nothing(
    files: Files, objects: Objects, alice: Caller, bob: Caller
) -> None:
    added = await files.add(alice, "x", b"hers")
    for call in (files.get(bob, added.id), files.delete(bob, added.id)):
        with pytest.raises(NotFound):
            await call
    assert await objects.get(added.object_key) == b"hers"


async def test_odd_ids_are_not_found(files: Files, alice: Caller) -> None:
    for file_id in ("", "file_none", "' OR 1=1 --", "\U0001f600", "x" * 5000, "file_\x00"):
        with pytest.raises((NotFound, InvalidInput)):
            await files.get(alice, file_id)


async def test_delete_removes_row_and_bytes(files: Files, objects: Objects, alice: Caller) -> None:
    added = await files.add(alice, "x", b"x")
    await objects.delete(added.object_key)  # as if stopped between the two
    await files.delete(alice, added.id)
    with pytest.raises(NotFound):
        await files.get(alice, added.id)
    assert await objects.list("") == []


async def test_a_row_that_can_not_be_written_leaves_no_bytes(
    files: Files, objects: Objects
) -> None:
    nowhere = Caller("workspace_none", "user_x", Role.OWNER)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await files.add(nowhere, "x", b"x")
    assert await objects.list("") == []


async def test_what_is_no_file_is_refused(files: Files, alice: Caller, tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InvalidInput):
            await files.add(alice, "x", path)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("manual.pdf", "manual.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\manual.pdf", "manual.pdf"),
        ("  two   words.pdf ", "two words.pdf"),
        ("null\x00byte.pdf", "nullbyte.pdf"),
        ("line\r\nbreak: x.pdf", "linebreak: x.pdf"),
        ("fdp.\u202egnp", "fdp.gnp"),
        ("u\u0308ber.txt", "über.txt"),
        ("資料.pdf", "資料.pdf"),
        ("a" * 300 + ".pdf", "a" * 196 + ".pdf"),
    ],
)
def test_names_are_cleaned(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/", "/", "\x00", "\u200b"])
def test_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        clean_name(name)
