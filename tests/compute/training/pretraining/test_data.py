"""Data of pretraining: shards, one Arrow block, the order of samples, and taking it up again anywhere."""

import bz2
import gzip
import json
import random
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.pretraining.data.corpus import cut, merge
from stoa.compute.training.pretraining.data.loader import Loader, validation
from stoa.compute.training.pretraining.data.order import Permutation
from stoa.compute.training.pretraining.data.prepare import Prepared, prepare
from stoa.compute.training.pretraining.interfaces import IGNORED, Batch
from stoa.compute.training.pretraining.recipe import DataRecipe, Source

SEQUENCES = 8


def documents(count: int, seed: int = 0, letters: str = "abcdefgh") -> list[str]:
    drawn = random.Random(seed)
    words = ["".join(drawn.choices(letters, k=drawn.randint(1, 6))) for _ in range(100)]
    return [" ".join(drawn.choices(words, k=drawn.randint(3, 60))) for _ in range(count)]


def jsonl(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same kind of text in every format that is read."""
    folder = tmp_path_factory.mktemp("shards")
    parts = [documents(60, seed) for seed in range(6)]
    (folder / "a.jsonl.gz").write_bytes(gzip.compress(jsonl(parts[0])))
    (folder / "b.jsonl").write_bytes(jsonl(parts[1]))
    (folder / "c.jsonl.bz2").write_bytes(bz2.compress(jsonl(parts[2])))
    with pa.output_stream(str(folder / "d.jsonl.zst"), compression="zstd") as file:
        file.write(jsonl(parts[3]))
    pq.write_table(pa.table({"text": parts[4], "n": range(60)}), folder / "e.parquet")
    (folder / "f.txt").write_text("\n".join(parts[5]), encoding="utf-8")
    return folder


def data_recipe(shards: Path, **changes: Any) -> DataRecipe:
    values: dict[str, Any] = {
        "sources": [{"path": str(shards), "split": "line"}],
        "tokenizer": {"kind": "bpe", "vocabulary": 400},
        "sequence": 32,
        "validation_share": 0.1,
        "workers": 2,
        "prefetch": 2,
    }
    return DataRecipe.model_validate(values | changes)


@pytest.fixture(scope="module", params=["packed", "windows"])
def prepared(
    request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    return prepare(data_recipe(shards, sampling=request.param), tmp_path_factory.mktemp("data"))


def steps(prepared: Prepared, count: int, **how: Any) -> list[Batch]:
    with Loader(prepared, sequences=SEQUENCES, **how) as loader:
        return [loader.next() for _ in range(count)]


def test_all_formats_become_one_block(shards: Path, tmp_path: Path) -> None:
    source = Source(path=str(shards), split="line")
    corpus = merge(source, tmp_path / "a.arrow", skip_corrupt=False, piece_bytes=65536)
    assert corpus.facts.documents == len(corpus) == 360
    with pa.ipc.open_file(pa.memory_map(str(corpus.path))) as reader:
        assert reader.num_record_batches == 1
        block = reader.get_batch(0)
    assert block.schema.field("text").type == pa.large_string()
    block.validate(full=True)
    expected = [text for seed in range(6) for text in documents(60, seed)]
    assert [corpus.text(row) for row in range(len(corpus))] == expected
    before = corpus.path.stat().st_mtime_ns
    assert merge(source, corpus.path, skip_corrupt=False, piece_bytes=65536).facts == corpus.facts
    assert corpus.path.stat().st_mtime_ns == before  # reused


def test_long_documents_stand_in_pieces_and_none_is_cut_inside_a_character(tmp_path: Path) -> None:
    text = "häßliche Wörter €" * 300
    pieces = list(cut(text.encode(), 64))
    assert b"".join(pieces).decode() == text
    assert all(piece.decode() and len(piece) <= 64 for piece in pieces)
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    source = Source(path=str(tmp_path / "t.txt"))
    corpus = merge(source, tmp_path / "t.arrow", skip_corrupt=False, piece_bytes=64)
    assert "".join(corpus.text(row) for row in range(len(corpus))) == text + "\n"
    assert [corpus.ends(row) for row in range(len(corpus))] == [False] * (len(corpus) - 1) + [True]


def broken(kind: str, folder: Path) -> tuple[Path, int]:
    """A shard that can't be read, and the line where."""
    whole = jsonl(documents(50, 9))
    if kind == "no JSON":
        path, line = folder / "x.jsonl", 3
        lines = whole.splitlines(keepends=True)
        path.write_bytes(b"".join([*lines[:2], b'{"text": "half\n', *lines[3:]]))
    elif kind == "no field":
        path, line = folder / "x.jsonl", 51
        path.write_bytes(whole + b'{"body": "x"}\n')
    elif kind == "cut gzip":
        path, line = folder / "x.jsonl.gz", -1
        path.write_bytes(gzip.compress(whole)[:-200])
    elif kind == "flipped gzip":
        packed = bytearray(gzip.compress(whole))
        packed[-6] ^= 0xFF
        path, line = folder / "x.jsonl.gz", -1
        path.write_bytes(bytes(packed))
    elif kind == "no parquet":
        path, line = folder / "x.parquet", 1
        path.write_bytes(b"PAR1" + whole)
    else:
        path, line = folder / "x.txt", 2
        path.write_bytes(b"fine\n\xff\xfe\nfine\n")
    return path, line


@pytest.mark.parametrize(
    "kind", ["no JSON", "no field", "cut gzip", "flipped gzip", "no parquet", "no UTF-8"]
)
def test_a_corrupt_shard_is_refused_with_file_and_line_or_skipped(
    kind: str, tmp_path: Path
) -> None:
    path, line = broken(kind, tmp_path)
    (tmp_path / "good.jsonl").write_bytes(jsonl(documents(40)))
    recipe = data_recipe(tmp_path)
    with pytest.raises(InvalidInput) as refused:
        prepare(recipe, tmp_path / "data")
    assert refused.value.details["shard"] == str(path)
    assert f"'{path}' can't be read at line" in refused.value.message
    if line > 0:
        assert refused.value.details["line"] == line
    skipping = recipe.model_copy(update={"corrupt": "skip"})
    done = prepare(skipping, tmp_path / "data")
    assert done.skipped == 1
    assert done.rows[0].corpus.facts.skipped_places[0].startswith(path.name)
    assert done.rows[0].corpus.facts.documents >= 40


def test_missing_text_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No text is at"):
        prepare(data_recipe(tmp_path), tmp_path / "data")
    (tmp_path / "x.pdf").write_bytes(b"%PDF")
    with pytest.raises(InvalidInput, match="no kind that is read"):
        prepare(data_recipe(tmp_path / "x.pdf"), tmp_path / "data")


def test_a_full_disk_is_told(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SetupError, match="No space left"):
        prepare(data_recipe(shards), tmp_path / "data")
    assert not list((tmp_path / "data").glob("*.part"))


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 3000), key=st.integers(0, 2**63))
def test_a_permutation_holds_every_place_once(length: int, key: int) -> None:
    order = Permutation(length, key, 1)
    assert sorted(order[place] for place in range(length)) == list(range(length))


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(killed=st.integers(0, 25), before=st.sampled_from([1, 2, 4, 8]), after=st.data())
def test_any_kill_and_any_number_of_ranks_give_the_same_samples(
    prepared: Prepared, killed: int, before: int, after: st.DataObject
) -> None:
    """A run that is killed anywhere and goes on with another number of ranks reads the same."""
    expected = steps(prepared, killed + 4)
    now = after.draw(st.sampled_from([1, 2, 4, 8]))
    first = [
        Loader(prepared, sequences=SEQUENCES, rank=rank, ranks=before) for rank in range(before)
    ]
    for step in range(killed):
        rows = np.concatenate([loader.next().tokens for loader in first])
        assert np.array_equal(rows, expected[step].tokens)
    parts = [loader._states for loader in first]
    for loader in first:
        loader.close()
    kept = Loader(prepared, sequences=SEQUENCES, gather=lambda _: parts)
    state = json.loads(json.dumps(kept.state()))  # as a checkpoint keeps it
    kept.close()
    second = [Loader(prepared, sequences=SEQUENCES, rank=rank, ranks=now) for rank in range(now)]
    for loader in second:
        loader.restore(state)
    for step in range(killed, killed + 4):
        batches = [loader.next() for loader in second]
        assert np.array_equal(
            np.concatenate([batch.tokens for batch in batches]), expected[step].tokens
        )
        assert np.array_equal(
            np.concatenate([batch.labels for batch in batches]), expected[step].labels
        )
    for loader in second:
        loader.close()


def test_rows_hold_each_token_once_and_labels_are_what_follows(prepared: Prepared) -> None:
    batches = steps(prepared, 30)
    for one, other in pairwise(batches):
        assert np.array_equal(one.tokens[:, 1:], one.labels[:, :-1])
        if prepared.recipe.sampling == "packed":  # a lane goes on where its last row ended
            assert np.array_equal(one.labels[:, -1], other.tokens[:, 0])


def test_an_epoch_of_windows_holds_every_window_once(shards: Path, tmp_path: Path) -> None:
    prepared = prepare(data_recipe(shards, sampling="windows"), tmp_path)
    file, used, _ = prepared.windows[0]
    length = prepared.recipe.sequence
    windows = (used - length - 1) // length
    seen = Counter(row.tobytes() for batch in steps(prepared, windows // 8) for row in batch.tokens)
    assert max(seen.values()) == 1
    held = list(validation(prepared, sequences=1))
    assert held[0].tokens[0].tolist() == file.read(used, length).tolist()


def test_validation_holds_every_held_out_token_once_on_any_batch(
    shards: Path, tmp_path: Path
) -> None:
    prepared = prepare(data_recipe(shards), tmp_path)
    tokens = sum(count for _, _, count in prepared.held_out)
    for sequences in (1, 4, 10_000):
        held = list(validation(prepared, sequences=sequences))
        assert {batch.tokens.shape for batch in held} == {(sequences, prepared.recipe.sequence)}
        told = [batch.labels[batch.labels != IGNORED] for batch in held]
        assert sum(map(len, told)) == tokens - len(prepared.held_out)
        file, first, count = prepared.held_out[0]
        assert np.array_equal(np.concatenate(told)[: count - 1], file.read(first + 1, count - 1))


def test_validation_masks_documents_where_training_does(shards: Path, tmp_path: Path) -> None:
    prepared = prepare(data_recipe(shards, document_mask=True), tmp_path)
    end = prepared.vocabulary.end
    ended = 0
    for batch in validation(prepared, sequences=4):
        assert batch.documents is not None
        last = batch.tokens == end
        ended += int(last.sum())
        assert (batch.labels[last] == IGNORED).all()
        assert np.array_equal(np.diff(batch.documents, axis=1), last[:, :-1].astype(int))
    assert ended


def test_masked_documents_keep_their_numbers_and_predict_nothing_of_the_next(
    shards: Path, tmp_path: Path
) -> None:
    prepared = prepare(data_recipe(shards, document_mask=True), tmp_path)
    end = prepared.vocabulary.end
    for batch in steps(prepared, 10):
        assert batch.documents is not None
        last = batch.tokens == end
        assert np.array_equal(batch.labels == IGNORED, last)
        changes = np.diff(batch.documents, axis=1) > 0
        assert np.array_equal(changes, last[:, :-1])


def test_weights_are_shares_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(jsonl(documents(300, 1, "abc")))
    (tmp_path / "two.jsonl").write_bytes(jsonl(documents(300, 2, "xyz")))
    sources = [
        {"path": str(tmp_path / "one.jsonl"), "weight": 3.0},
        {"path": str(tmp_path / "two.jsonl"), "weight": 1.0},
    ]
    tokenizer = {"kind": "characters"}
    prepared = prepare(data_recipe(tmp_path, sources=sources, tokenizer=tokenizer), tmp_path / "d")
    text = "".join(
        prepared.vocabulary.decode(row) for batch in steps(prepared, 800) for row in batch.tokens
    )
    first = sum(text.count(letter) for letter in "abc")
    second = sum(text.count(letter) for letter in "xyz")
    assert first / (first + second) == pytest.approx(0.75, abs=0.03)


def test_what_does_not_fit_a_checkpoint_is_refused(shards: Path, tmp_path: Path) -> None:
    prepared = prepare(data_recipe(shards), tmp_path / "one")
    with Loader(prepared, sequences=SEQUENCES) as loader:
        state = loader.state()
    other = prepare(
        data_recipe(shards, tokenizer={"kind": "bpe", "vocabulary": 300}), tmp_path / "two"
    )
    with Loader(other, sequences=SEQUENCES) as loader, pytest.raises(InvalidInput) as refused:
        loader.restore(state)
    assert "another tokenizer" in refused.value.message
    with Loader(prepared, sequences=4) as loader, pytest.raises(InvalidInput, match="sequences"):
        loader.restore(state)
    less = data_recipe(shards, sources=[{"path": str(shards / "b.jsonl")}])
    with Loader(prepare(less, tmp_path / "three"), sequences=SEQUENCES) as loader:
        with pytest.raises(InvalidInput):
            loader.restore(state)


def test_too_little_text_and_shares_that_do_not_divide_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.txt").write_text("one two three " * 40, encoding="utf-8")
    recipe = data_recipe(tmp_path / "s.txt", sources=[{"path": str(tmp_path / "s.txt")}])
    prepared = prepare(recipe, tmp_path / "data")
    with pytest.raises(InvalidInput, match="fewer than"):
        Loader(prepared, sequences=SEQUENCES)
    with pytest.raises(InvalidInput, match="can't be shared by 3"):
        Loader(prepared, sequences=SEQUENCES, ranks=3)


def test_workers_wait_for_slow_training(prepared: Prepared) -> None:
    """Back-pressure: however long nothing is fetched, no more than `prefetch` batches wait."""
    with Loader(prepared, sequences=SEQUENCES) as loader:
        time.sleep(0.3)
        workers: list[Any] = loader._workers
        made = [worker._queue.qsize() for worker in workers]
        assert made == [2, 2]
        state = loader.state()
    fresh = Loader(prepared, sequences=SEQUENCES)
    assert state == fresh.state()  # what waits does not count
    fresh.close()


def test_a_failing_worker_tells_whoever_asks(
    prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loader(prepared, sequences=SEQUENCES) as loader:
        worker: Any = loader._workers[0]

        def fail() -> None:
            raise OSError("the disk is gone")

        monkeypatch.setattr(worker._source, "step", fail)
        with pytest.raises(OSError, match="the disk is gone"):
            steps_of(loader, 5)
        with pytest.raises(OSError, match="the disk is gone"):
            loader.next()


def steps_of(loader: Loader, count: int) -> None:
    for _ in range(count):
        loader.next()
