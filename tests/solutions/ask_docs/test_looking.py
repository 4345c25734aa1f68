"""What a place holds is read, and nothing of it is run."""

from pathlib import Path
from typing import Any

import pytest

from stoa.base.errors import InvalidInput
from stoa.base.settings import Settings
from stoa.solutions.ask_docs.looking import look
from tests.solutions.ask_docs.conftest import LEAVE
from tests.solutions.ask_docs.places import GitServer, Pages, commit


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    return {"source_folders": str(tmp_path / "shared"), "fetch_private": True}


async def test_every_kind_that_is_read_is_looked_for(folder: Path, settings: Settings) -> None:
    """Those that the guide names, and no others; what a file really is, its content says later."""
    named = ["pdf", "docx", "pptx", "xlsx", "html", "htm", "md", "csv", "txt"]
    for ending in [*named, "py", "jpg", "zip"]:
        (folder / f"a.{ending}").write_bytes(b"words")
    async with look(settings, "folder", str(folder), "") as held:
        assert {each.name for each in held.files} == {f"a.{ending}" for ending in named}


async def test_nothing_of_a_repository_is_run(
    repository: Path, settings: Settings, tmp_path: Path
) -> None:
    proof = tmp_path / "ran"
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n")
    hook.chmod(0o755)
    (repository / "leave.md").write_text(LEAVE)
    (repository / "out.md").symlink_to("/etc/hostname")
    commit(repository)
    async with look(settings, "git", str(repository), "main") as held:
        found = held.files
        assert [each.key for each in found if "25 days" in each.path.read_text()] == ["leave.md"]
        kept = {each.key: each.path.read_text() for each in found}
        assert kept.get("out.md", "/etc/hostname") == "/etc/hostname"  # the link, not what it names
    assert not proof.exists()


@pytest.mark.parametrize(
    "location",
    [
        "ext::sh -c id",
        "--upload-pack=id",
        "file:///etc",
        "ssh://host/x",
        "git@host:x",
        "http://10.0.0.1/x",
    ],
)
async def test_repositories_elsewhere_are_refused(tmp_path: Path, location: str) -> None:
    strict = Settings.load(home=tmp_path / "home")
    with pytest.raises(InvalidInput):
        async with look(strict, "git", location, ""):
            pass


async def test_a_private_host_is_not_asked_for_a_repository(
    repository: Path, git_host: str, tmp_path: Path
) -> None:
    (repository / "leave.md").write_text(LEAVE)
    commit(repository)
    with pytest.raises(InvalidInput, match="private") as refused:
        async with look(Settings.load(home=tmp_path / "home"), "git", git_host, ""):
            pass
    assert "STOA_FETCH_PRIVATE" in refused.value.hint
    assert GitServer.asked == []


async def test_a_host_that_sends_elsewhere_is_not_followed(web: str, settings: Settings) -> None:
    Pages.pages["/docs.git/info/refs?service=git-upload-pack"] = (302, "http://10.0.0.1/x")
    with pytest.raises(InvalidInput, match="can't be read"):
        async with look(settings, "git", f"{web}/docs.git", ""):
            pass
