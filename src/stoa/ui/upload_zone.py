"""A place to drop files on or choose them from, with progress and errors for each.

The bytes go to `POST /api/files` under the person's own session, never through the page's socket, so
limits and tenancy are those of REST. The page only hears the ids.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from stoa.ui.elements import guarded


@dataclass(frozen=True)
class Uploaded:
    """A file that has arrived. `id` is what operations take as `FileId`."""

    id: str
    name: str
    size: int
    """Bytes."""


class UploadZone(Element, component="upload_zone.js"):
    """Drag and drop, keyboard and click. `on_file` is called once for each file that has arrived."""

    def __init__(
        self,
        on_file: Callable[[Uploaded], Awaitable[None] | None],
        *,
        accept: Sequence[str] = (),
        multiple: bool = True,
        note: str = "",
        keep: bool = False,
    ) -> None:
        """`accept`: file name endings the picker offers. `keep`: go on listing what has arrived."""
        super().__init__()
        self.props["url"] = "/api/files"
        self.props["accept"] = ",".join(accept)
        self.props["multiple"] = multiple
        self.props["note"] = note
        self.props["keep"] = keep
        self._on_file = on_file
        self.on("uploaded", self._arrived)

    async def _arrived(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, dict) else {}
        file = Uploaded(
            str(told.get("id", "")), str(told.get("name", "")), int(told.get("size") or 0)
        )
        await guarded(lambda: self._on_file(file))

    def clear_files(self) -> None:
        """Forget the list of files below the zone."""
        self.run_method("clear")
