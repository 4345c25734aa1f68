"""What a file is, decided by its content. The name's ending only breaks ties between text kinds.

A PDF named `report.docx` is read as a PDF. Office files are told apart by the parts they contain,
and `archive.check` has already bounded the container when the answer is one of them.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path, PurePath
from zipfile import BadZipFile, ZipFile

from stoa.core.knowledge.parsing import refusal
from stoa.core.knowledge.parsing.archive import check
from stoa.core.knowledge.parsing.limits import Limits


@dataclass(frozen=True)
class Kind:
    """A family of documents: what people call it, and its media type."""

    name: str
    media_type: str


_OFFICE = "application/vnd.openxmlformats-officedocument"
PDF = Kind("PDF", "application/pdf")
DOCX = Kind("DOCX", f"{_OFFICE}.wordprocessingml.document")
PPTX = Kind("PPTX", f"{_OFFICE}.presentationml.presentation")
XLSX = Kind("XLSX", f"{_OFFICE}.spreadsheetml.sheet")
HTML = Kind("HTML", "text/html")
MARKDOWN = Kind("Markdown", "text/markdown")
CSV = Kind("CSV", "text/csv")
TEXT = Kind("text", "text/plain")

_MAIN_PARTS = {"word/document.xml": DOCX, "ppt/presentation.xml": PPTX, "xl/workbook.xml": XLSX}
_TEXT_ENDINGS = {
    ".html": HTML,
    ".htm": HTML,
    ".xhtml": HTML,
    ".md": MARKDOWN,
    ".markdown": MARKDOWN,
    ".csv": CSV,
    ".tsv": CSV,
}
_SAMPLE_BYTES = 65_536
_PDF_HEADER_BYTES = 1_024
"""Readers accept `%PDF-` anywhere in the first KiB: mail gateways put lines before it."""
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_HTML_STARTS = (b"<!doctype html", b"<html", b"<head", b"<body")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b\x08"))
_BINARY_SHARE = 0.01


def detect(path: Path, name: str, limits: Limits) -> Kind:
    """The kind of a file.

    Raises:
        InvalidInput: empty, or protected by a password.
        TooLarge: an Office file that would unpack to more than the limits allow.
        UnsupportedType: anything that no reader here takes.
    """
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if not sample:
        raise refusal.empty()
    if b"%PDF-" in sample[:_PDF_HEADER_BYTES]:
        return PDF
    if sample.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _office_kind(path, limits)
    if sample.startswith(_OLE):
        raise _old_office(path)
    if sample.startswith(b"{\\rtf"):
        raise refusal.unsupported("Rich text (RTF)", "Save it as DOCX or PDF and upload that.")
    if _is_binary(sample):
        raise refusal.unsupported("This kind of binary file")
    if path.stat().st_size > limits.text_mb << 20:
        raise refusal.too_large("The text file is too large", f"{limits.text_mb} MiB")
    return _text_kind(sample, name)


def _office_kind(path: Path, limits: Limits) -> Kind:
    try:
        with ZipFile(path) as archive:
            names = set(archive.namelist())
            kind = next((kind for part, kind in _MAIN_PARTS.items() if part in names), None)
            if kind is None:
                raise refusal.unsupported(
                    "This kind of archive", "Unpack it, upload what is in it."
                )
            check(archive, kind.name, limits)
            return kind
    except (BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        raise refusal.damaged(
            "Office file or archive", "its table of contents is missing"
        ) from error


def _old_office(path: Path) -> Exception:
    """The container of Word 97 and of password-protected DOCX alike."""
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if _ENCRYPTED_OFFICE in block:
                return refusal.encrypted("Office file")
    return refusal.unsupported(
        "The old Office format (DOC, XLS, PPT)", "Save it as DOCX, XLSX or PPTX and upload that."
    )


def _is_binary(sample: bytes) -> bool:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF8)):
        return False
    if b"\x00" in sample:
        return True
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > _BINARY_SHARE * len(sample)


def _text_kind(sample: bytes, name: str) -> Kind:
    start = sample.lstrip(codecs.BOM_UTF8).lstrip()[:4_096].lower()
    if start.startswith(_HTML_STARTS):
        return HTML
    if start.startswith((b"<!--", b"<?xml")) and any(mark in start for mark in _HTML_STARTS):
        return HTML
    return _TEXT_ENDINGS.get(PurePath(name).suffix.lower(), TEXT)
