"""The commit of a checkout is found wherever git keeps it."""

import subprocess
from pathlib import Path

import pytest

from stoa.solutions.recommend_products.commit import commit_of


def git(folder: Path, *arguments: str) -> str:
    """What git answers in a folder."""
    by = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    done = subprocess.run(
        ["git", *by, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit."""
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "--quiet")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "First")
    return folder


def test_loose_packed_and_detached(checkout: Path) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    assert len(head) == 40
    assert commit_of(checkout) == head
    git(checkout, "gc", "--quiet")
    assert list((checkout / ".git" / "refs" / "heads").iterdir()) == []
    assert commit_of(checkout) == head
    git(checkout, "checkout", "--quiet", "--detach")
    assert commit_of(checkout) == head


def test_a_work_tree_of_its_own_branch(checkout: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    git(checkout, "worktree", "add", "--quiet", "-b", "feature/one", str(other))
    git(other, "commit", "--quiet", "--allow-empty", "--message", "Second")
    head = git(other, "rev-parse", "HEAD")
    assert commit_of(other) == head != commit_of(checkout)
    git(checkout, "pack-refs", "--all")
    assert commit_of(other) == head


def test_where_there_is_none(checkout: Path, tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "--quiet")
    assert commit_of(empty) == ""
