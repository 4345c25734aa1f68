"""Builders of real documents for tests: every kind, well-made and hostile. Each returns bytes."""

import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO

import docx
import openpyxl
import pptx
import pypdfium2
from docx.enum.text import WD_BREAK
from PIL import Image, ImageDraw, ImageFont
from pptx.util import Inches
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

WIDTH, HEIGHT = A4
MARGIN = 72.0

LEFT_COLUMN = [
    "The left column begins with an account of",
    "the harbour and its many small fishing boats.",
    "Every morning they leave before the sun has",
    "risen, and every evening the gulls follow them",
    "home, because the nets are emptied at the quay",
    "and the left column ends where the day ends.",
]
RIGHT_COLUMN = [
    "The right column turns to the mountains in the",
    "north, where shepherds keep their flocks until",
    "the first snow closes the high passes for good.",
    "Their cheese is carried down on mules and sold",
    "in the market beside the harbour, so that both",
    "halves of the island meet in the right column.",
]
TABLE = [
    ["Product", "Price", "Stock"],
    ["Copper kettle", "39.90", "12"],
    ["Oak barrel", "120.00", "3"],
    ["Glass lantern", "24.50", "48"],
]

Draw = Callable[[Canvas], None]


def pdf(*pages: Draw, title: str = "", password: str = "") -> bytes:
    """A PDF of pages that each draw themselves."""
    buffer = BytesIO()
    encryption = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(buffer, pagesize=A4, encrypt=encryption, invariant=1)
    canvas.setTitle(title)
    for draw in pages:
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def lines(
    texts: Iterable[str],
    *,
    x: float = MARGIN,
    top: float = MARGIN,
    size: float = 11,
    font: str = "Helvetica",
    mode: int = 0,
) -> Draw:
    """Lines of text from `top` downwards; render mode 3 is invisible."""

    def draw(canvas: Canvas) -> None:
        block = canvas.beginText(x, HEIGHT - top)
        block.setFont(font, size, size * 1.25)
        block.setTextRenderMode(mode)
        for text in texts:
            block.textLine(text)
        canvas.drawText(block)

    return draw


def together(*draws: Draw) -> Draw:
    """One page that several draw on, in this order."""

    def draw(canvas: Canvas) -> None:
        for each in draws:
            each(canvas)

    return draw


def text_pdf(*pages: Sequence[str], title: str = "", password: str = "") -> bytes:
    """Pages of plain lines."""
    return pdf(*(lines(page) for page in pages), title=title, password=password)


def two_columns_pdf(*, interleaved: bool = True) -> bytes:
    """A wide heading over two columns; interleaved, the file holds them line by line across."""
    left = [lines([t], x=60, top=140 + 14 * i, size=10) for i, t in enumerate(LEFT_COLUMN)]
    right = [lines([t], x=310, top=140 + 14 * i, size=10) for i, t in enumerate(RIGHT_COLUMN)]
    mixed = [draw for pair in zip(left, right, strict=True) for draw in pair]
    heading = lines(["Harbour and mountain: an island in two columns"], x=60, top=80, size=20)
    return pdf(together(heading, *(mixed if interleaved else left + right)))


def headings_pdf() -> bytes:
    """A title, two sections, body text."""
    return pdf(
        together(
            lines(["Handbook of Lanterns"], top=80, size=24, font="Helvetica-Bold"),
            lines(["1 Lighting a lantern"], top=130, size=15, font="Helvetica-Bold"),
            lines(["Fill the tank with oil and wait a minute.", "Then light the wick."], top=160),
            lines(["2 Putting it out"], top=220, size=15, font="Helvetica-Bold"),
            lines(["Turn the small wheel to the left until", "the flame is gone."], top=250),
        )
    )


def ruled_table_pdf(
    rows: Sequence[Sequence[str]] = TABLE, *, rules: Sequence[int] | None = None
) -> bytes:
    """A table between two sentences, with all its lines drawn, or only these horizontal ones."""

    def draw(canvas: Canvas) -> None:
        xs = [MARGIN + 150 * i for i in range(len(rows[0]) + 1)]
        ys = [HEIGHT - 150 - 24 * i for i in range(len(rows) + 1)]
        canvas.grid(xs, ys if rules is None else [ys[rule] for rule in rules])
        canvas.setFont("Helvetica", 11)
        for y, row in zip(ys, rows, strict=False):
            for x, cell in zip(xs, row, strict=False):
                canvas.drawString(x + 6, y - 16, cell)

    return pdf(
        together(
            lines(["Prices of this autumn are in the table below."], top=100),
            draw,
            lines(["All prices include delivery to the harbour."], top=300),
        )
    )


def unruled_table_pdf(rows: Sequence[Sequence[str]] = TABLE) -> bytes:
    """The same table, held together by nothing but its columns."""
    cells = [
        lines([cell], x=MARGIN + 150 * column, top=150 + 18 * index)
        for index, row in enumerate(rows)
        for column, cell in enumerate(row)
    ]
    before = lines(["Prices of this autumn are in the table below."], top=100)
    return pdf(together(before, *cells))


def turned_pdf(content: bytes, degrees: int) -> bytes:
    """Every page displayed turned clockwise."""
    document = pypdfium2.PdfDocument(content)
    for page in document:
        page.set_rotation(degrees)
    return saved(document)


def cropped_pdf(content: bytes, left: float, bottom: float, right: float, top: float) -> bytes:
    """Every page displayed through a smaller window."""
    document = pypdfium2.PdfDocument(content)
    for page in document:
        page.set_cropbox(left, bottom, right, top)
    return saved(document)


def saved(document: pypdfium2.PdfDocument) -> bytes:
    """The file as pdfium writes it."""
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def sideways_pdf(texts: Sequence[str]) -> bytes:
    """An upright page whose text runs upwards."""

    def draw(canvas: Canvas) -> None:
        canvas.rotate(90)
        canvas.setFont("Helvetica", 11)
        for index, text in enumerate(texts):
            canvas.drawString(100, -100 - 14 * index, text)

    return pdf(draw)


def picture(texts: Sequence[str], *, degrees: int = 0) -> Image.Image:
    """A page of text as a scanner sees it at 150 dpi, turned anticlockwise."""
    image = Image.new("L", (1240, 1754), 255)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=32)
    for index, text in enumerate(texts):
        pen.text((150, 200 + 52 * index), text, fill=0, font=font)
    return image.rotate(degrees, expand=True, fillcolor=255)


def scanned_pdf(*pages: Sequence[str], degrees: int = 0) -> bytes:
    """Pages that are pictures of text."""
    return pdf(*(_picture_page(picture(page, degrees=degrees)) for page in pages))


def _picture_page(image: Image.Image) -> Draw:
    def draw(canvas: Canvas) -> None:
        canvas.setPageSize((image.width * 0.48, image.height * 0.48))
        canvas.drawImage(ImageReader(image), 0, 0, image.width * 0.48, image.height * 0.48)

    return draw


def stamped_scan_pdf(texts: Sequence[str]) -> bytes:
    """A scan with a page number as its only text layer."""
    return pdf(together(_picture_page(picture(texts)), lines(["Page 7"], top=30)))


def heavy_page(characters: int) -> Draw:
    """A page with so much text that reading it takes long and needs much memory."""
    return lines(["lorem ipsum " * 40] * (characters // 480), size=1)


def word_file() -> bytes:
    """DOCX: a title, sections, a list, a table, a hard page break, a header."""
    document = docx.Document()
    document.core_properties.title = "Care of lanterns"
    document.sections[0].header.paragraphs[0].text = "Lantern works, internal"
    document.add_heading("Care of lanterns", 0)
    document.add_paragraph("A lantern lasts for decades if it is kept dry.")
    document.add_heading("Cleaning", 1)
    document.add_paragraph("Wipe the glass with vinegar.", style="List Bullet")
    table = document.add_table(rows=0, cols=3)
    for row in TABLE:
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_heading("Storage", 1)
    document.add_paragraph("Keep it in the dark, upright, and empty of oil.")
    return _stored(document)


def _stored(document: docx.document.Document) -> bytes:
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def slides_file() -> bytes:
    """PPTX: two slides; a table and notes on the second."""
    presentation = pptx.Presentation()
    first = presentation.slides.add_slide(presentation.slide_layouts[1])
    first.shapes.title.text = "Quarterly lanterns"
    first.placeholders[1].text = "We sold more lanterns than kettles."
    second = presentation.slides.add_slide(presentation.slide_layouts[5])
    second.shapes.title.text = "Numbers"
    shape = second.shapes.add_table(4, 3, Inches(1), Inches(2), Inches(6), Inches(2))
    for index, row in enumerate(TABLE):
        for column, text in enumerate(row):
            shape.table.cell(index, column).text = text
    second.notes_slide.notes_text_frame.text = "Mention the oak barrels."
    buffer = BytesIO()
    presentation.save(buffer)
    return buffer.getvalue()


def sheets_file(rows: Sequence[Sequence[object]] = TABLE, *, more_rows: int = 0) -> bytes:
    """XLSX: sheet 'Stock' with the table, sheet 'Numbers' with `more_rows` counted rows."""
    book = openpyxl.Workbook(write_only=True)
    stock = book.create_sheet("Stock")
    for row in rows:
        stock.append(list(row))
    numbers = book.create_sheet("Numbers")
    numbers.append(["number", "square"])
    for number in range(more_rows):
        numbers.append([number, number * number])
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def archive(parts: dict[str, bytes]) -> bytes:
    """A zip file of these parts."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in parts.items():
            target.writestr(name, content)
    return buffer.getvalue()


def with_part(office_file: bytes, name: str, content: bytes) -> bytes:
    """An Office file with one part replaced or added."""
    source = zipfile.ZipFile(BytesIO(office_file))
    return archive({part: source.read(part) for part in source.namelist()} | {name: content})


def zip_bomb() -> bytes:
    """A small DOCX whose main part unpacks to 60 MiB."""
    return with_part(word_file(), "word/document.xml", b"<w>" + b" " * (60 << 20) + b"</w>")


def crowded_zip(entries: int) -> bytes:
    """A DOCX with very many empty parts."""
    buffer = BytesIO(word_file())
    with zipfile.ZipFile(buffer, "a") as archive:
        for number in range(entries):
            archive.writestr(f"word/media/{number}.xml", b"")
    return buffer.getvalue()


def entity_bomb(encoding: str = "utf-8") -> bytes:
    """A DOCX whose XML declares entities that expand to billions of characters."""
    laughs = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>'
        f'<!DOCTYPE w [<!ENTITY l0 "ha">{laughs}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        "<w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:body></w:document>"
    )
    return with_part(word_file(), "word/document.xml", text.encode(encoding))


def lying_zip() -> bytes:
    """A DOCX whose table of contents declares a part far smaller than it unpacks to."""
    content = zip_bomb()
    real = struct.pack(
        "<I", zipfile.ZipFile(BytesIO(content)).getinfo("word/document.xml").file_size
    )
    return content.replace(real, struct.pack("<I", 100))


HTML_PAGE = """<!DOCTYPE html><html><head><title>Lanterns</title><style>p {}</style></head><body>
<nav><a href="/">Home</a> <a href="/shop">Shop</a></nav>
<article><h1>Lanterns of the harbour</h1>
<p>The harbour has been lit by oil lanterns since the first pier was built, and the keepers still
fill each of them by hand on the evening before a storm.</p>
<h2>Prices</h2><table><tr><th>Product</th><th>Price</th></tr>
<tr><td>Glass lantern</td><td>24.50</td></tr><tr><td>Copper kettle</td><td>39.90</td></tr></table>
<ul><li>Delivered within a week</li><li>Returned for free</li></ul></article>
<script>alert("never shown")</script></body></html>"""

MARKDOWN_PAGE = """---
title: Lantern notes
---
# Lanterns

Kept dry, they last for *decades*.

## Prices

| Product | Price |
|---------|-------|
| Glass lantern | 24.50 |

```
# not a heading
```
"""
