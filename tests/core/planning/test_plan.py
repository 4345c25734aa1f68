"""Plans against what was published: memory to the byte, iteration times within a few per cent."""

from dataclasses import replace

import pytest

from stoa.core.planning.hardware import GIB, KINDS, cluster_of, measured
from stoa.core.planning.layout import Layout
from stoa.core.planning.memory import BFLOAT16, FLOAT32, MIXED, activations, memory_use
from stoa.core.planning.search import planned, search
from stoa.core.planning.shapes import SHAPES
from stoa.core.planning.step_time import step_time
from tests.core.planning.published import PUBLISHED, Published

each_published = pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.model)
LLAMA = SHAPES["llama2-7b"]


@each_published
def test_activation_memory_is_the_published(row: Published) -> None:
    shape = SHAPES[row.model]
    whole = row.layout(recompute="none", sequence_parallel=False)
    assert activations(shape, whole) / GIB == pytest.approx(row.whole_gib, rel=1e-9)
    assert activations(shape, row.lean) / GIB == pytest.approx(row.lean_gib, rel=1e-9)


@each_published
def test_states_are_the_published_and_what_the_paper_leaves_out(row: Published) -> None:
    """The paper counts 12 · layers · hidden²; ours adds norms, biases and the embedding."""
    shape = SHAPES[row.model]
    used = memory_use(shape, row.lean)
    layers = 18 * 12 * shape.layers * shape.hidden**2 / 8 / row.pipeline / GIB
    assert layers == pytest.approx(row.states_gib, rel=1e-9)
    ours = (used.weights + used.gradients + used.optimiser) / GIB
    embedding = 18 * shape.embedding_parameters / 8 / GIB
    assert ours == pytest.approx(layers + embedding, rel=2e-3)


def test_iteration_times_are_within_a_few_per_cent_of_the_published() -> None:
    errors = []
    for row in PUBLISHED:
        for layout, seconds in ((row.full, row.full_seconds), (row.lean, row.lean_seconds)):
            predicted = step_time(SHAPES[row.model], layout, row.cluster).total
            errors.append(abs(predicted / seconds - 1))
    assert sum(errors) / len(errors) < 0.05
    assert max(errors) < 0.10


@pytest.mark.parametrize(
    ("nodes", "data", "rounds", "published"), [(1024, 64, 32, 430), (2048, 128, 16, 400)]
)
def test_another_maker_of_tables_and_another_device_agree(
    nodes: int, data: int, rounds: int, published: float
) -> None:
    """Llama 3 405B on H100s (Llama 3, 2024, table 4): TFLOP/s a device; nothing was fitted on it."""
    shape = SHAPES["llama3-405b"]
    layout = Layout(
        tensor=8, pipeline=16, data=data, accumulation=rounds, interleave=4,
        recompute="none", sharding="optimiser", sequence_parallel=True,
    )  # fmt: skip
    time = step_time(shape, layout, cluster_of("h100", nodes))
    assert time.flops_attention / time.total / 1e12 == pytest.approx(published, rel=0.10)


def test_the_published_layout_is_among_the_best_of_the_search() -> None:
    """GPT-3 175B on 64 A100: the search puts layouts at the top that Megatron's authors chose too."""
    row = PUBLISHED[1]
    shape = SHAPES[row.model]
    found = search(shape, row.cluster, 64)
    assert found.best
    assert found.too_large
    best = found.best[0]
    assert best.layout.tensor == 8
    assert best.layout.recompute == "selective"
    theirs = planned(shape, row.lean, row.cluster)
    assert best.time.total <= theirs.time.total < 1.1 * best.time.total
    assert [each.time.total for each in found.best] == sorted(
        each.time.total for each in found.best
    )
    assert any("matrix products" in said for said in found.reasons)


def test_the_source_layout_fits_trainium() -> None:
    """Llama 2 7B on 128 trn1.32xlarge: tensor 8, sequence parallel, data 512, two micro-batches."""
    cluster = cluster_of("trainium1", 128)
    layout = Layout(8, 1, 512, True, 1, 2, 1, "selective", "optimiser")
    assert layout.batch == 1024
    assert layout.problems(LLAMA, cluster) == []
    assert memory_use(LLAMA, layout).total < cluster.device.memory


def test_what_does_not_fit_is_said() -> None:
    found = search(LLAMA, cluster_of("laptop", 1), 8)
    assert found.best == []
    assert found.leanest is not None
    assert found.leanest.layout.recompute == "full"
    assert "Nothing fits" in found.reasons[0]
    nothing = search(LLAMA, cluster_of("a100", 8), 7, pipelines=False)
    assert nothing.leanest is None
    assert "No layout divides" in nothing.reasons[0]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (Layout(tensor=3), "32 heads"),
        (Layout(tensor=64), "heads"),
        (Layout(pipeline=5), "32 layers"),
        (Layout(pipeline=8, interleave=3, accumulation=8), "parts"),
        (Layout(pipeline=2, interleave=2, accumulation=3), "micro-batches"),
        (Layout(pipeline=2, sharding="full"), "gathered anew"),
        (Layout(data=16), "takes 16 devices"),
    ],
)
def test_a_layout_that_does_not_divide_is_told_why(layout: Layout, said: str) -> None:
    assert any(said in each for each in layout.problems(LLAMA, cluster_of("a100", 1)))


def test_every_saving_saves_what_it_is_there_for() -> None:
    base = Layout(tensor=8, recompute="none")
    lean = replace(base, sequence_parallel=True)
    for shape in (LLAMA, SHAPES["megatron-22b"]):
        kept = [
            activations(shape, replace(lean, recompute=each))
            for each in ("none", "selective", "full")
        ]
        assert kept == sorted(kept, reverse=True)
        assert activations(shape, lean) < activations(shape, base)
        wide = [memory_use(shape, lean, each).total for each in (FLOAT32, MIXED, BFLOAT16)]
        assert wide == sorted(wide, reverse=True)
        many = replace(lean, data=16)
        shared = [
            memory_use(shape, replace(many, sharding=each)).total
            for each in ("none", "optimiser", "full")
        ]
        assert shared == sorted(shared, reverse=True)


def test_parameters_and_flops_are_the_models_own() -> None:
    assert SHAPES["llama2-7b"].parameters == 6_738_415_616
    assert SHAPES["llama2-70b"].parameters == 68_976_648_192
    assert SHAPES["llama3-405b"].parameters == pytest.approx(405.85e9, rel=1e-3)
    shape = SHAPES["llama2-7b"]
    plain, attention = shape.flops_per_token(attention=False), shape.flops_per_token()
    assert plain == pytest.approx(6 * (shape.parameters - shape.embedding_parameters), rel=1e-4)
    assert attention - plain == 12 * 32 * 4096 * 4096


def test_this_machine_is_planned_from_what_was_measured() -> None:
    cluster = measured(
        matrix_rate=1e11, memory_rate=1e10, memory=24 * GIB, link_rate=1e9, processes=2
    )
    shape = replace(
        LLAMA,
        layers=4,
        hidden=128,
        heads=4,
        kv_heads=4,
        feed_forward=352,
        vocabulary=65,
        sequence=64,
    )
    found = search(shape, cluster, 12, precision=FLOAT32, pipelines=False)
    assert found.best
    assert found.best[0].time.tokens == 12 * 64
    assert {each.layout.devices for each in found.best} == {2}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_node_can_be_planned_for(kind: str) -> None:
    cluster = cluster_of(kind, 2)
    shape = replace(
        LLAMA, layers=2, hidden=512, heads=32, kv_heads=32, feed_forward=1408, sequence=512
    )
    found = search(shape, cluster, cluster.devices * 2)
    assert found.best
    assert 0 < found.best[0].time.mfu < found.best[0].time.mfu_attention < 1
