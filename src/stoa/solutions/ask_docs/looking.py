"""Looking at a source: which files a folder, a web page or a git repository holds right now.

Nothing of a source is run: no hooks, no filters, no submodules, no links out of it. Folders are read
only inside those the operator allowed; addresses are resolved and checked before git connects to them.
"""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from stoa.base.errors import InvalidInput, NotFound, ProviderError, SetupError, TooLarge
from stoa.base.fetch import FetchLimits, check_place, fetch
from stoa.base.settings import Settings
from stoa.solutions.ask_docs.documents import file_name
from stoa.solutions.ask_docs.schema import DOCUMENT_ENDINGS

_MOST_FILES = 10_000
_GIT_SECONDS = 600
_GIT_BYTES = 4 * 2**30
_GIT_OPTIONS = (
    "core.hooksPath=/dev/null",
    "core.symlinks=false",
    "core.fsmonitor=false",
    "credential.helper=",
    "http.followRedirects=false",
    "protocol.allow=never",
)


@dataclass(frozen=True)
class Found:
    """A file of a source. `key` names it within the source for as long as it is the same file."""

    key: str
    name: str
    path: Path
    size: int
    sha256: str
    reference: str


@dataclass(frozen=True)
class Untaken:
    """A file or folder of a source that is there but can't be taken, and what to do about it."""

    key: str
    """As of a file found; a folder's ends in `/`, and the source's own is empty."""
    why: str
    hint: str = "Let the account that Stoa runs under read it."

    def covers(self, key: str) -> bool:
        """Whether the file of that key may well be there: it is this one, or lies in this folder."""
        is_folder = not self.key or self.key.endswith("/")
        return key == self.key or (is_folder and key.startswith(self.key))

    def __str__(self) -> str:
        return f"{self.key or 'the folder itself'} ({self.why})"


@dataclass
class Held:
    """What a source holds right now."""

    files: list[Found] = field(default_factory=list)
    untaken: list[Untaken] = field(default_factory=list)


@asynccontextmanager
async def look(settings: Settings, kind: str, location: str, branch: str) -> AsyncIterator[Held]:
    """What a source holds; paths are good until the block ends. No file is larger than an upload.

    Raises:
        InvalidInput: the location may not be read, or does not hold what its kind says.
        ProviderError: it does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="stoa-source-") as made:
        scratch = Path(made)
        if kind == "folder":
            yield await asyncio.to_thread(
                _files, allowed_folder(settings, location), location, settings
            )
        elif kind == "web":
            yield await _page(settings, location, scratch)
        else:
            folder = await _clone(settings, location, branch, scratch)
            yield await asyncio.to_thread(_files, folder, location, settings)


async def check_location(settings: Settings, kind: str, location: str) -> None:
    """Raises InvalidInput where a source of that kind may not be there."""
    if kind == "folder" or (kind == "git" and _is_local(location)):
        allowed_folder(settings, location)
    else:
        await check_place(location, allow_private=settings.fetch_private)


def allowed_folder(settings: Settings, location: str) -> Path:
    """The folder with links resolved, if it lies inside those the operator allowed."""
    roots = [Path(each.strip()) for each in settings.source_folders.split(",") if each.strip()]
    folder = Path(location).resolve()
    if not any(folder.is_relative_to(root.resolve()) for root in roots):
        raise InvalidInput(
            "This folder may not be read.",
            hint="An operator allows folders with the setting STOA_SOURCE_FOLDERS.",
        )
    if not folder.is_dir():
        raise InvalidInput("There is no such folder.", hint="Check its path on the server.")
    return folder


async def _page(settings: Settings, url: str, scratch: Path) -> Held:
    limits = FetchLimits(bytes=settings.upload_limit_mb * 2**20)
    try:
        fetched = await fetch(url, limits=limits, allow_private=settings.fetch_private)
    except NotFound:
        return Held()  # the page is gone, and so will be its document
    path = scratch / "page"
    await asyncio.to_thread(path.write_bytes, fetched.content)
    digest = hashlib.sha256(fetched.content).hexdigest()
    return Held([Found(url, file_name(fetched), path, len(fetched.content), digest, url)])


def _files(folder: Path, location: str, settings: Settings) -> Held:
    """Every file under the folder of a kind that can be read, by path."""
    limit = settings.upload_limit_mb * 2**20
    held = Held()
    for path in _walk(folder, held.untaken):
        key = path.relative_to(folder).as_posix()
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_size > limit:
                why, hint = f"over {settings.upload_limit_mb} MiB", "Raise STOA_UPLOAD_LIMIT_MB."
                held.untaken.append(Untaken(_shown(key), why, hint))
                continue
            if _shown(key) != key:
                held.untaken.append(Untaken(_shown(key), "its name is no text", "Rename it."))
                continue
            if len(held.files) == _MOST_FILES:
                raise TooLarge(
                    f"The source holds more than {_MOST_FILES:,} documents.",
                    hint="Make several sources of its parts.",
                )
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            held.untaken.append(Untaken(_shown(key), error.strerror or "unreadable"))
            continue
        reference = f"{location.rstrip('/')}/{key}"
        held.files.append(Found(key, path.name, path, status.st_size, digest, reference))
    return held


def _walk(folder: Path, untaken: list[Untaken]) -> Iterator[Path]:
    """Paths named like documents, no links followed; folders that can't be listed are added up."""

    def note(error: OSError) -> None:
        top = Path(error.filename or folder)  # a disk that fails half-way names no folder
        key = top.relative_to(folder).as_posix()
        shown = "" if key == "." else f"{_shown(key)}/"
        untaken.append(Untaken(shown, error.strerror or "unreadable"))

    for top, folders, names in os.walk(folder, onerror=note, followlinks=False):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(DOCUMENT_ENDINGS) and not name.startswith((".", "~$")):
                yield Path(top) / name


def _shown(key: str) -> str:
    """The key itself, where it is text; file systems keep names of any bytes."""
    return os.fsencode(key).decode(errors="replace")


async def _clone(settings: Settings, location: str, branch: str, scratch: Path) -> Path:
    options = [*_GIT_OPTIONS]
    if _is_local(location):
        address = allowed_folder(settings, location).as_uri()
        options += ["protocol.file.allow=always"]
    else:
        place = await check_place(location, allow_private=settings.fetch_private)
        address = location
        options += [
            f"protocol.{place.scheme}.allow=always",
            f"http.curloptResolve={place.host}:{place.port}:{place.address}",
        ]
    target = scratch / "repository"
    await _git(
        *(part for option in options for part in ("-c", option)),
        *("clone", "--quiet", "--depth=1", "--single-branch", "--no-tags"),
        "--no-recurse-submodules",
        *(["--branch", branch] if branch else []),
        *("--", address, str(target)),
        scratch=scratch,
    )
    return target


async def _git(*arguments: str, scratch: Path) -> None:
    """Run git with none of the machine's own configuration, bounded in time and bytes."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(scratch),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "LC_ALL": "C",
    }
    try:
        process = await asyncio.create_subprocess_exec(
            "git", *arguments, env=environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise SetupError("There is no git on this machine.", hint="Install git.") from error
    watch = asyncio.create_task(_stop_when_too_large(process, scratch))
    try:
        async with asyncio.timeout(_GIT_SECONDS):
            _, told = await process.communicate()
    except TimeoutError as error:
        raise ProviderError(
            f"The repository took longer than {_GIT_SECONDS} s.",
            hint="Try again later.",
            retryable=True,
        ) from error
    finally:
        watch.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = (told.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        raise InvalidInput(
            f"The repository can't be read: {last[:300]}",
            hint="Check its address and branch; it must be readable without a password.",
        )


async def _stop_when_too_large(process: asyncio.subprocess.Process, folder: Path) -> None:
    while True:
        await asyncio.sleep(1)
        if await asyncio.to_thread(_bytes_under, folder) > _GIT_BYTES:
            process.kill()
            return


def _bytes_under(folder: Path) -> int:
    total = 0
    for top, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(top, name)).st_size
            except FileNotFoundError:
                continue  # git moves its temporary files while we count
    return total


def _is_local(location: str) -> bool:
    return not urlsplit(location).scheme
