"""Fills a fresh workspace with the documents of `sample/`, approved, so that one can ask at once."""

from pathlib import Path

from stoa.contract import Call
from stoa.solutions.ask_docs.schema import Add, Decide, DocumentState, ListDocuments

_FOLDER = Path(__file__).parent / "sample"
SAMPLE_DOCUMENTS = ("employee-handbook.pdf", "it-runbook.md", "travel-policy.docx")


async def fill(call: Call) -> None:
    """Add and approve the sample documents that are not there yet."""
    there = await call.call("list", ListDocuments(limit=500))
    names = {document.name for document in there.documents}
    for name in SAMPLE_DOCUMENTS:
        if name in names:
            continue
        file = await call.platform.files.add(call.caller, name, _FOLDER / name)
        receipts = await call.call("add", Add(files=[file.id]))
        for receipt in receipts.documents:
            if receipt.document.state is DocumentState.DRAFT:
                await call.call("approve", Decide(document=receipt.document.id))
