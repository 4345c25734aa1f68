"""BM25 alone, one text per page, for comparison. Runs in the peers' environment: files as arguments,
questions as a JSON list on standard input; prints, for each question, [document, page] best first."""

import json
import re
import sys
from pathlib import Path

from pypdf import PdfReader
from rank_bm25 import BM25Okapi

DEPTH = 10


def words(text: str) -> list[str]:
    """Lower-case words and numbers."""
    return re.findall(r"\w+", text.lower())


def main() -> None:
    """Index the pages of all files, answer the questions."""
    places, texts = [], []
    for name in sys.argv[1:]:
        for number, page in enumerate(PdfReader(name).pages, 1):
            places.append((Path(name).stem, number))
            texts.append(words(page.extract_text() or "") or ["empty"])
    index = BM25Okapi(texts)
    rankings = []
    for question in json.load(sys.stdin):
        scores = index.get_scores(words(question))
        best = sorted(range(len(places)), key=lambda place: -scores[place])[:DEPTH]
        rankings.append([places[place] for place in best])
    json.dump(rankings, sys.stdout)


if __name__ == "__main__":
    main()
