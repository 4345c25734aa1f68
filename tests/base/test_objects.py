"""Objects on a folder and in memory; keys that are none; links that expire."""

import asyncio
import os
from pathlib import Path

import pytest

from stoa.base.errors import InvalidInput, NotFound, SetupError
from stoa.base.objects import Objects

SECRET = b"s" * 32


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    url = (tmp_path / "my objects").as_uri() if request.param == "folder" else "memory://"
    return Objects(url, secret=SECRET, public_url="http://here")


async def test_put_get_replace_delete(objects: Objects) -> None:
    await objects.put("w/files/a", b"one")
    assert await objects.get("w/files/a") == b"one"
    await objects.put("w/files/a", b"two")
    assert await objects.get("w/files/a") == b"two"
    assert await objects.exists("w/files/a")
    assert await objects.size("w/files/a") == 3
    await objects.delete("w/files/a")
    await objects.delete("w/files/a")
    assert not await objects.exists("w/files/a")


async def test_large_files_go_in_and_come_out_by_path(objects: Objects, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(1 << 20) * 17 + b"end")
    await objects.put("w/files/large", source)
    await objects.download("w/files/large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    chunks = [chunk async for chunk in objects.stream("w/files/large")]
    assert b"".join(chunks) == source.read_bytes()


async def test_empty_objects_are_objects(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    await objects.put("w/a/empty", tmp_path / "empty")
    await objects.put("w/a/nothing", b"")
    assert await objects.get("w/a/empty") == await objects.get("w/a/nothing") == b""
    await objects.download("w/a/empty", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b""


async def test_missing_objects_are_not_found(objects: Objects, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await objects.get("w/files/none")
    with pytest.raises(NotFound):
        await objects.size("w/files/none")
    with pytest.raises(NotFound):
        await objects.download("w/files/none", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "copy.partial").exists()


async def test_prefixes_are_whole_parts(objects: Objects) -> None:
    for key in ("w1/files/a", "w1/pages/b", "w10/files/c"):
        await objects.put(key, b"x")
    assert await objects.list("w1") == ["w1/files/a", "w1/pages/b"]
    assert await objects.list("w1/files/") == ["w1/files/a"]
    assert await objects.list("w1/fil") == []
    assert len(await objects.list("")) == 3
    await objects.delete_prefix("w1")
    assert await objects.list("") == ["w10/files/c"]
    with pytest.raises(InvalidInput):
        await objects.delete_prefix("")


@pytest.mark.parametrize(
    "key",
    [
        "", "alone", "/w/a", "w/a/", "w//a", "../w/a", "w/../v/a", "w/.", "w/..", "w/.hidden",
        "w/a b", "w/ä", "w/a%2e", "w/a\n", "w/a\x00", "w\\a/b", "w/a#1", "w/" + "a" * 600,
    ],
)  # fmt: skip
async def test_odd_keys_are_refused(objects: Objects, key: str) -> None:
    for call in (objects.get(key), objects.put(key, b""), objects.delete(key)):
        with pytest.raises(InvalidInput):
            await call
    with pytest.raises(InvalidInput):
        objects.link(key, seconds=1, name="x")


async def test_many_at_once(objects: Objects) -> None:
    keys = [f"w/files/{number}" for number in range(100)]
    await asyncio.gather(*(objects.put(key, key.encode()) for key in keys))
    assert await asyncio.gather(*(objects.get(key) for key in keys)) == [k.encode() for k in keys]
    await asyncio.gather(*(objects.delete(key) for key in keys))
    assert await objects.list("w") == []


async def test_links_open_until_they_expire(objects: Objects) -> None:
    link = objects.link("w/files/a", seconds=60, name="Straße.pdf")
    address, token = link.rsplit("/", maxsplit=1)
    assert address == "http://here/objects"
    assert objects.open_link(token) == ("w/files/a", "Straße.pdf")
    expired = objects.link("w/files/a", seconds=-1, name="x").rsplit("/", maxsplit=1)[1]
    with pytest.raises(NotFound):
        objects.open_link(expired)


@pytest.mark.parametrize("token", ["", "x", "a.b", "WzFd.xxxx", "ü", "." * 100])
def test_forged_links_are_not_found(objects: Objects, token: str) -> None:
    with pytest.raises(NotFound):
        objects.open_link(token)


def test_links_of_another_installation_or_changed_ones_are_not_found(objects: Objects) -> None:
    other = Objects("memory://", secret=b"t" * 32, public_url="http://here")
    token = other.link("w/files/a", seconds=60, name="x").rsplit("/", maxsplit=1)[1]
    with pytest.raises(NotFound):
        objects.open_link(token)
    mine = objects.link("w/files/a", seconds=60, name="x").rsplit("/", maxsplit=1)[1]
    with pytest.raises(NotFound):
        objects.open_link("A" + mine[1:])


async def test_the_folder_is_private(tmp_path: Path) -> None:
    objects = Objects((tmp_path / "store").as_uri(), secret=SECRET, public_url="")
    await objects.put("w/files/a", b"x")
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://host/x", "file:///proc/none/such"])
def test_unusable_urls_are_the_operators_to_mend(url: str) -> None:
    with pytest.raises(SetupError):
        Objects(url, secret=SECRET, public_url="")


def test_a_refused_url_does_not_show_its_login() -> None:
    with pytest.raises(SetupError) as caught:
        Objects("ftp://user:hunter22@host/x", secret=SECRET, public_url="")
    assert "hunter22" not in str(caught.value)


def test_clouds_sign_their_own_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    objects = Objects("s3://bucket/below", secret=SECRET, public_url="http://here")
    link = objects.link("w/files/a", seconds=60, name="x")
    assert "/below/w/files/a?" in link
    assert "X-Amz-Expires=60" in link
