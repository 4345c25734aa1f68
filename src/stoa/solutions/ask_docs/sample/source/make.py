"""Makes `employee-handbook.pdf` and `travel-policy.docx` from the Markdown beside this file.

Run it after changing a text: `python make.py`. It needs chromium for the PDF. The made files are kept
in the repository, so nothing else needs this script.
"""

import subprocess
import tempfile
from pathlib import Path

import docx
from markdown_it import MarkdownIt
from markdown_it.token import Token

HERE = Path(__file__).parent
STYLE = """
@page { size: A4; margin: 25mm 22mm }
body { font: 11pt/1.45 Georgia, 'DejaVu Serif', serif }
h1, h2 { font-family: Helvetica, 'DejaVu Sans', sans-serif }
h1 { font-size: 22pt } h2 { font-size: 14pt; margin-top: 1.4em }
table { border-collapse: collapse; width: 100%; margin: 1em 0 }
td, th { border: 1px solid #333; padding: 4px 7px; text-align: left; font-size: 10pt }
.page { break-before: page }
"""


def make_pdf(source: Path, target: Path) -> None:
    """Print the Markdown with ruled tables; `<div class="page">` starts a page."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    body = markdown.render(source.read_text(encoding="utf-8"))
    title = source.stem.replace("-", " ").title()
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "page.html"
        page.write_text(
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
            f"<style>{STYLE}</style>{body}",
            encoding="utf-8",
        )
        subprocess.run(  # noqa: S603 - our own file
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",  # noqa: S607
             f"--print-to-pdf={target}", page.as_uri()],
            check=True, capture_output=True,
        )  # fmt: skip


def make_docx(source: Path, target: Path) -> None:
    """Headings, paragraphs and tables as a Word document."""
    document = docx.Document()
    tokens = MarkdownIt("commonmark").enable("table").parse(source.read_text(encoding="utf-8"))
    rows: list[list[str]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "table_close":
            add_table(document, rows)
            rows = []
        elif token.type == "inline" and before is not None:
            add_text(document, rows, before, " ".join(token.content.split()))
    document.core_properties.title = "Travel Policy"
    document.save(str(target))


def add_text(
    document: "docx.document.Document", rows: list[list[str]], opened: Token, text: str
) -> None:
    """A heading, a cell of the open table, or a paragraph."""
    if opened.type == "heading_open":
        document.add_heading(text, level=int(opened.tag[1]))
    elif opened.type in ("th_open", "td_open"):
        rows[-1].append(text)
    else:
        document.add_paragraph(text)


def add_table(document: "docx.document.Document", rows: list[list[str]]) -> None:
    """A table with borders."""
    table = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
    for row in rows:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text


if __name__ == "__main__":
    make_pdf(HERE / "employee-handbook.md", HERE.parent / "employee-handbook.pdf")
    make_docx(HERE / "travel-policy.md", HERE.parent / "travel-policy.docx")
