"""Uploads: a multipart body, written to a temporary file while it comes in, bounded as it grows.

Nothing is kept of an upload that is cut off, malformed or over the limit: the temporary file lives in
a `with` block, and only a whole one is handed on.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from stoa.base.errors import InvalidInput, TooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "file"
_HINT = "Send multipart/form-data with one file in the field 'file'."


class Upload:
    """The one file of a multipart body, taken in piece by piece."""

    def __init__(self, boundary: bytes, target: BinaryIO, limit_bytes: int) -> None:
        self.name = ""
        self.size = 0
        self.complete = False
        self._target = target
        self._limit = limit_bytes
        self._header_name = b""
        self._header_value = b""
        self._headers: dict[bytes, bytes] = {}
        self._taking = False
        self._parser = _parser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_end": self._on_end,
            },
        )

    def take(self, piece: bytes) -> None:
        """The next bytes of the body.

        Raises:
            TooLarge: the file has grown over the limit.
            InvalidInput: not a multipart body, or one with more than one file.
        """
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise _unreadable() from error

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header_name.lower()] = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._taking = options.get(b"name") == FIELD.encode() and b"filename" in options
        if not self._taking:
            return
        if self.name:
            raise InvalidInput("One file at a time.", hint=_HINT)
        self.name = options[b"filename"].decode("utf-8", "replace")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if not self._taking:
            return
        self.size += end - start
        if self.size > self._limit:
            raise TooLarge(
                f"The file is over the limit of {self._limit // 2**20} MiB.",
                hint="Split it, or ask the operator to raise STOA_UPLOAD_LIMIT_MB.",
            )
        self._target.write(data[start:end])

    def _on_end(self) -> None:
        self.complete = True


def _parser(boundary: bytes, callbacks: "MultipartCallbacks") -> MultipartParser:
    try:
        return MultipartParser(boundary, callbacks)
    except FormParserError as error:
        raise _unreadable() from error


def _unreadable() -> InvalidInput:
    return InvalidInput("The upload can't be read.", hint=_HINT)


@asynccontextmanager
async def received(request: Request, limit_bytes: int) -> AsyncIterator[tuple[str, Path]]:
    """The name and path of the file in the request's body; the path is gone when the block ends.

    Raises:
        TooLarge: over the limit; noticed while it comes in.
        InvalidInput: cut off, malformed, or without a file.
    """
    boundary = _boundary(request)
    with TemporaryDirectory(prefix="stoa-upload-") as folder:
        path = Path(folder) / "content"
        with await asyncio.to_thread(path.open, "wb") as target:
            upload = Upload(boundary, target, limit_bytes)
            try:
                async for piece in request.stream():
                    await asyncio.to_thread(upload.take, piece)
            except ClientDisconnect as error:
                raise InvalidInput("The upload was cut off.", hint="Send it again.") from error
        if not upload.complete:
            raise InvalidInput("The upload is incomplete.", hint=_HINT)
        if not upload.name:
            raise InvalidInput("The upload holds no file.", hint=_HINT)
        yield upload.name, path


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidInput("An upload must be multipart/form-data.", hint=_HINT)
    return boundary
