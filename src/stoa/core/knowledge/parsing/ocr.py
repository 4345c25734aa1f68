"""Reads the text in a picture, with whichever engine is here: tesseract, else rapidocr, else none.

Both hand back words with boxes in pixels, so that layout and tables work on a scan as they do on a
text layer. A sideways or upside-down scan is noticed by its poor confidence and turned.
"""

import csv
import logging
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from io import BytesIO, StringIO
from itertools import pairwise
from statistics import median
from typing import Any

from PIL import Image

from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.words import Word, plain, turned

_DOUBTFUL = 80.0
"""Below this mean confidence (percent) the picture may stand the wrong way."""
_WORTHLESS = 30.0
"""Words below this are specks and stains."""
_LARGER = 1.35
"""Lines this much higher than most are taken for a larger font; less is descenders and noise."""
_ROTATE = re.compile(r"^Rotate: (\d+)", re.M)
_MOST_LANGUAGES = 3
_LONGEST_SIDE = 1_800
"""Pixels that rapidocr looks at; its memory grows with their square."""


class NoEngine(Exception):
    """Nothing here can read pictures."""


@dataclass(frozen=True)
class Recognised:
    """Words in pixels of the picture after it was turned `turns` quarters anticlockwise."""

    words: list[Word]
    turns: int = 0
    confidence: float = 0.0
    """Mean over the words by their length, 0..100."""


Engine = Callable[[Image.Image, Limits], Recognised]


def recognise(picture: Image.Image, limits: Limits) -> Recognised:
    """Text of a grey picture at `limits.ocr_dpi`.

    Raises:
        NoEngine: neither tesseract nor rapidocr is installed, or the limits forbid both.
        subprocess.TimeoutExpired: it took longer than `limits.ocr_seconds`.
    """
    return _engine(limits.ocr)(picture, limits)


def _engine(wanted: str) -> Engine:
    if wanted in ("auto", "tesseract") and shutil.which("tesseract"):
        return _tesseract
    if wanted in ("auto", "rapidocr") and find_spec("rapidocr"):
        return _rapidocr
    raise NoEngine


def _tesseract(picture: Image.Image, limits: Limits) -> Recognised:
    found = _tesseract_words(picture, limits)
    if found.confidence < _DOUBTFUL and (turns := _tesseract_turns(picture, limits)):
        again = _tesseract_words(picture.rotate(90 * turns, expand=True), limits)
        found = max(found, replace(again, turns=turns), key=lambda each: each.confidence)
    if not found.turns and _stands_on_end(found):
        return _set_upright(found, picture.size)
    return found


def _set_upright(found: Recognised, size: tuple[int, int]) -> Recognised:
    """tesseract reads lines that run up or down by itself, and gives boxes as they lie."""
    downwards = sum(
        after.y0 - before.y0 for before, after in pairwise(found.words) if not after.break_before
    )
    turns = 1 if downwards > 0 else 3
    for word in found.words:
        word.x0, word.y0, word.x1, word.y1 = turned(
            (word.x0, word.y0, word.x1, word.y1), turns, *map(float, size)
        )
    return replace(found, turns=turns)


def _tesseract_words(picture: Image.Image, limits: Limits) -> Recognised:
    arguments = ["-l", limits.ocr_languages or _languages(), "--dpi", str(limits.ocr_dpi)]
    table = _run([*arguments, "--psm", "3", "tsv"], picture, limits)
    words: list[Word] = []
    weights: list[tuple[float, int]] = []
    line_height = 0.0
    starts_line = True
    for entry in csv.DictReader(StringIO(table), delimiter="\t", quoting=csv.QUOTE_NONE):
        left, top, width, height = (float(entry[n]) for n in ("left", "top", "width", "height"))
        if entry["level"] == "4":
            line_height, starts_line = min(width, height), True
        text = plain((entry["text"] or "").strip())
        if entry["level"] != "5" or not text or float(entry["conf"]) < _WORTHLESS:
            continue
        words.append(
            Word(text, left, top, left + width, top + height, line_height, break_before=starts_line)
        )
        weights.append((float(entry["conf"]), len(text)))
        starts_line = False
    return Recognised(_evened(words), 0, _mean(weights))


def _tesseract_turns(picture: Image.Image, limits: Limits) -> int:
    """Quarters anticlockwise that set the text upright; 0 where tesseract can't tell."""
    if "osd" not in _installed():
        return 0
    match = _ROTATE.search(_run(["--psm", "0", "-l", "osd"], picture, limits))
    return -int(match[1]) // 90 % 4 if match else 0


def _run(arguments: list[str], picture: Image.Image, limits: Limits) -> str:
    buffer = BytesIO()
    picture.save(buffer, "PPM")
    done = subprocess.run(  # noqa: S603 - fixed program, no shell; the picture goes in by pipe
        ["tesseract", "stdin", "stdout", *arguments],  # noqa: S607 - found on PATH on purpose
        input=buffer.getvalue(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=limits.ocr_seconds,
        check=False,
    )
    return done.stdout.decode(errors="replace")


@cache
def _installed() -> tuple[str, ...]:
    done = subprocess.run(
        ["tesseract", "--list-langs"],  # noqa: S607 - found on PATH on purpose
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    return tuple(done.stdout.split("\n")[1:-1])


def _languages() -> str:
    """English first, then what else the operator installed; each one costs time."""
    spoken = [name for name in _installed() if name not in ("osd", "equ", "snum")]
    return "+".join(sorted(spoken, key=lambda name: (name != "eng", name))[:_MOST_LANGUAGES])


def _rapidocr(picture: Image.Image, limits: Limits) -> Recognised:
    found = _rapidocr_words(picture)
    if _stands_on_end(found):
        others = (1, 3)
    elif found.words and found.confidence < _DOUBTFUL:
        others = (0, 2)
    else:
        return found
    return max(
        (
            replace(_rapidocr_words(picture.rotate(90 * turns, expand=True)), turns=turns)
            for turns in others
        ),
        key=lambda each: each.confidence * len(each.words),
    )


def _stands_on_end(found: Recognised) -> bool:
    tall = sum(word.y1 - word.y0 > 1.5 * (word.x1 - word.x0) for word in found.words)
    return tall > 0.5 * len(found.words)


def _rapidocr_words(picture: Image.Image) -> Recognised:
    import numpy as np  # noqa: PLC0415 - only scans without tesseract need it

    found = _rapidocr_engine()(np.asarray(picture.convert("RGB")))
    words: list[Word] = []
    weights: list[tuple[float, int]] = []
    if found.boxes is None:
        return Recognised([])
    for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True):
        x0, y0 = float(corners[:, 0].min()), float(corners[:, 1].min())
        x1, y1 = float(corners[:, 0].max()), float(corners[:, 1].max())
        words += _spread(plain(text), x0, y0, x1, y1)
        weights.append((100 * float(score), len(text)))
    return Recognised(_evened(words), 0, _mean(weights))


def _spread(text: str, x0: float, y0: float, x1: float, y1: float) -> list[Word]:
    """The words of a line, each with its share of the line's box."""
    words: list[Word] = []
    at = 0
    for part in text.split():
        at = text.index(part, at)
        left = x0 + (x1 - x0) * at / len(text)
        at += len(part)
        right = x0 + (x1 - x0) * at / len(text)
        words.append(Word(part, left, y0, right, y1, y1 - y0, break_before=not words))
    return words


@cache
def _rapidocr_engine() -> Any:
    from rapidocr import RapidOCR  # noqa: PLC0415 - costs 2 s, only scans without tesseract need it

    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,  # it reads upside-down lines, and hides that they are
            "Global.max_side_len": _LONGEST_SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _evened(words: list[Word]) -> list[Word]:
    """Sizes come from ink and differ line by line: all near the usual one become the usual one."""
    if not words:
        return words
    usual = median(word.size for word in words)
    for word in words:
        if word.size < _LARGER * usual:
            word.size = usual
    return words


def _mean(weights: list[tuple[float, int]]) -> float:
    length = sum(weight for _, weight in weights)
    return sum(value * weight for value, weight in weights) / length if length else 0.0
