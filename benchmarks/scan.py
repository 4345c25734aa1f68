"""Makes a copy of a PDF that holds nothing but pictures of its pages, as a scanner would."""

from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image


def scanned_copy(file: Path, folder: Path, *, dpi: int = 150) -> Path:
    """Write the copy under the same name into `folder`; return its path."""
    copy = folder / file.name
    document = pdfium.PdfDocument(file)
    pictures: list[Image.Image] = [
        page.render(scale=dpi / 72, grayscale=True).to_pil() for page in document
    ]
    document.close()
    pictures[0].save(copy, save_all=True, append_images=pictures[1:], resolution=dpi)
    return copy
