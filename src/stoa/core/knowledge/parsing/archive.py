"""Guards in front of the Office libraries: what a DOCX, PPTX or XLSX may unpack to.

All of it is decided from the table of contents and the first bytes of each XML part, before any
library reads a part. `zipfile` never hands out more bytes than the table of contents declares, so a
declared size that lies can't smuggle more in.
"""

from xml.sax import ContentHandler, SAXException
from xml.sax.xmlreader import AttributesImpl
from zipfile import ZipFile, ZipInfo

import defusedxml.sax
from defusedxml import DefusedXmlException

from stoa.core.knowledge.parsing import refusal
from stoa.core.knowledge.parsing.limits import Limits

_SMALL = 10 << 20
"""A part below this many bytes may have any ratio: repeated XML packs very well."""


def check(archive: ZipFile, kind: str, limits: Limits) -> None:
    """Raises TooLarge for a zip or entity bomb, InvalidInput for a part under a password."""
    entries = archive.infolist()
    if len(entries) > limits.entries:
        raise refusal.bomb(kind, f"it holds {len(entries):,} parts")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > limits.unpacked_mb << 20:
        raise refusal.bomb(kind, f"it unpacks to {unpacked >> 20:,} MiB")
    for entry in entries:
        if entry.file_size > max(_SMALL, limits.ratio * entry.compress_size):
            raise refusal.bomb(kind, "one of its parts unpacks to far more than its size")
        if entry.flag_bits & 1:
            raise refusal.encrypted(kind)
    for entry in entries:
        if entry.filename.endswith((".xml", ".rels")):
            _refuse_document_type(archive, entry, kind)


class _RootReached(SAXException):
    """The prolog is over: nothing after it can declare an entity."""


class _Prolog(ContentHandler):
    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX names it
        raise _RootReached("root")


def _refuse_document_type(archive: ZipFile, entry: ZipInfo, kind: str) -> None:
    """Office XML has no DTD, and entities can be declared nowhere else."""
    try:
        with archive.open(entry) as part:
            defusedxml.sax.parse(part, _Prolog(), forbid_dtd=True)
    except _RootReached:
        return
    except DefusedXmlException as error:
        raise refusal.bomb(kind, "its XML declares entities") from error
    except SAXException:
        return  # not well formed: the reader of the part says so, with the part's name
