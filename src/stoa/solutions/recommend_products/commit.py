"""Which commit a checkout is of, read from the files that git keeps: git itself need not be installed."""

from pathlib import Path

_REF = "ref: "


def commit_of(checkout: Path) -> str:
    """The commit that is checked out, also in a work tree; empty where `checkout` is none."""
    git = checkout / ".git"
    try:
        if git.is_file():  # a work tree: the file says where its own folder is
            git = checkout / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith(_REF):
            return head
        common = git / "commondir"
        shared = git / common.read_text(encoding="utf-8").strip() if common.is_file() else git
        return _resolved(shared, head.removeprefix(_REF))
    except OSError:
        return ""


def _resolved(git: Path, ref: str) -> str:
    """The commit of a branch: from a file of its own, or from the one that git packs them into."""
    if (git / ref).is_file():
        return (git / ref).read_text(encoding="utf-8").strip()
    for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return ""
