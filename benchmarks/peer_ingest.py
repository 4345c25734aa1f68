"""The pipeline most people would pick, for comparison: LangChain's PyPDF loader, its recursive
splitter, Chroma, and the same ONNX encoder as ours. Runs in the peers' environment:

    .venv/peers/bin/python benchmarks/peer_ingest.py [--ocr] MODEL_FOLDER SCRATCH FILE…

With `--ocr` the loader reads the pictures on pages too, by tesseract.

Prints one JSON object: pages, chunks, seconds, processor seconds, peak resident memory in MiB.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import onnxruntime
from langchain_chroma import Chroma
from langchain_community.document_loaders import PyPDFLoader
from langchain_community.document_loaders.parsers import TesseractBlobParser
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from tokenizers import Tokenizer

BATCH = 32


class Encoder(Embeddings):  # type: ignore[misc]
    """The encoder that Stoa uses, behind LangChain's interface."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(256)
        self._tokenizer.enable_padding()
        self._names = {each.name for each in self._session.get_inputs()}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            batch = self._tokenizer.encode_batch(texts[start : start + BATCH])
            feeds = {
                "input_ids": np.array([each.ids for each in batch], dtype=np.int64),
                "attention_mask": np.array([each.attention_mask for each in batch], dtype=np.int64),
                "token_type_ids": np.array([each.type_ids for each in batch], dtype=np.int64),
            }
            feeds = {name: value for name, value in feeds.items() if name in self._names}
            vectors.extend(self._session.run(None, feeds)[0].tolist())
        return vectors

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def processor_seconds() -> float:
    """Of this process and of tesseract's, which have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def main() -> None:
    """Ingest the files and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ocr", action="store_true")
    parser.add_argument("model", type=Path)
    parser.add_argument("scratch")
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    pictures = {"extract_images": True, "images_parser": TesseractBlobParser()}
    reading = pictures if given.ocr else {}
    encoder = Encoder(given.model)
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)
    store = Chroma("bench", encoder, persist_directory=given.scratch)
    begun, used = time.perf_counter(), processor_seconds()
    pages = chunks = 0
    for file in given.files:
        loaded = PyPDFLoader(file, **reading).load()
        pieces = splitter.split_documents(loaded)
        pages += len(loaded)
        chunks += len(pieces)
        for start in range(0, len(pieces), 1000):
            store.add_documents(pieces[start : start + 1000])
    seconds, used = time.perf_counter() - begun, processor_seconds() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    figures = {"pages": pages, "chunks": chunks, "seconds": seconds}
    print(json.dumps({**figures, "processor": used, "peak_mib": peak}))


if __name__ == "__main__":
    main()
