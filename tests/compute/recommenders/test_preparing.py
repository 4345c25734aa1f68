"""Preparing: ids, de-duplication, the split in time, negatives, sources of every kind, bad ones too."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.recommenders.prepare import prepare
from stoa.compute.training.recommenders.preparing.prepared import Prepared, open_prepared
from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe
from stoa.core.jobs.folder import RunFolder
from tests.s3_server import S3Server

Event = tuple[str, str, int]


def prepared(folder: Path, source: Path, **settings: Any) -> Prepared:
    """Prepare one source in a fresh run folder."""
    number = len(list(folder.glob("run-*")))
    run = RunFolder(folder / f"run-{number}")
    run.path.mkdir()
    prepare(run, PrepareRecipe(sources=(str(source),), partition="day", **settings))
    assert run.result() is not None
    return open_prepared(run.artefacts)


def written(folder: Path, events: list[Event], name: str = "events.csv") -> Path:
    path = folder / name
    rows = [f"{user},{item},{time}" for user, item, time in events]
    path.write_text("\n".join(["user,item,time", *rows]) + "\n")
    return path


def named(data: Prepared) -> dict[str, Any]:
    """Everything by its outside names."""
    users, items = data.ids.users, data.ids.items
    pairs = zip(data.train.users(), data.train.items, strict=True)
    held = {
        name: {
            users[user]: (items[item], [items[each] for each in negatives if each >= 0])
            for user, item, negatives in zip(split.users, split.items, split.negatives, strict=True)
        }
        for name, split in (("validation", data.validation), ("test", data.test))
    }
    return {"train": sorted((users[u], items[i]) for u, i in pairs), **held}


_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob", "cy", "10", "9"]),
        st.sampled_from([f"p{n}" for n in range(12)]),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=60,
)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(events=_EVENTS)
def test_the_split_is_as_promised(events: list[Event], tmp_path: Path) -> None:
    source = written(tmp_path, events)
    found = named(prepared(tmp_path, source, negatives=5, users_per_part=3))
    items = {item for _, item, _ in events}
    latest: dict[str, dict[str, int]] = {}
    for user, item, time in events:
        mine = latest.setdefault(user, {})
        mine[item] = max(time, mine.get(item, -1))
    train = []
    for user, mine in latest.items():
        last = sorted(mine, key=lambda item, mine=mine: mine[item])  # type: ignore[misc]
        held = {
            split: found[split][user] for split in ("validation", "test") if user in found[split]
        }
        assert set(held) == ({"test"} if len(mine) > 1 else set()) | (
            {"validation"} if len(mine) > 2 else set()
        )
        for place, split in ((-1, "test"), (-2, "validation")):
            if split in held:
                item, negatives = held[split]
                assert mine[item] == mine[last[place]]  # the latest, or one as late
                assert len(set(negatives)) == len(negatives) == min(5, len(items - set(mine)))
                assert not set(negatives) & set(mine)
        train += [(user, item) for item in mine if item not in {each[0] for each in held.values()}]
    assert found["train"] == sorted(train)  # every pair exactly once, in one of the three


def test_order_repeats_and_cuts_change_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    events = [
        (f"u{random.integers(30)}", f"i{random.integers(80)}", int(time)) for time in range(600)
    ]
    once = named(prepared(tmp_path, written(tmp_path, events), negatives=10, users_per_part=7))
    shuffled = [events[place] for place in random.permutation(len(events))]
    again = written(tmp_path, [*shuffled, *events[:200]], "again.csv")
    assert named(prepared(tmp_path, again, negatives=10, users_per_part=1000)) == once
    other = named(prepared(tmp_path, again, negatives=10, seed=2))
    assert other["train"] == once["train"]
    assert other["test"] != once["test"]  # other negatives


def test_ids_are_numbers_in_their_order(tmp_path: Path) -> None:
    source = written(tmp_path, [("10", "b", 1), ("9", "a", 2), ("100", "aa", 3)])
    assert prepared(tmp_path, source).ids.users == ("9", "10", "100")


def test_movielens_ratings_are_read_as_they_come(tmp_path: Path) -> None:
    source = tmp_path / "ratings.dat"
    source.write_text("1::1193::5::978300760\n1::661::3::978302109\n2::1193::4::978298413\n")
    data = prepared(tmp_path, source)
    assert named(data)["test"] == {"1": ("661", [])}
    assert named(data)["train"] == [("1", "1193"), ("2", "1193")]
    assert data.counts["events"] == 3


def test_parquet_with_names_of_its_own_and_timestamps(tmp_path: Path) -> None:
    source = tmp_path / "orders.parquet"
    times = np.array(["2024-01-02T00:00:00", "2024-01-01T00:00:00"], "datetime64[us]")
    table = arrow.table({"who": [7, 7], "product_id": [1, 2], "at": times})
    parquet.write_table(table, source)
    data = prepared(tmp_path, source, user_column="who", time_column="at")
    assert named(data)["test"] == {"7": ("1", [])}
    with pytest.raises(InvalidInput, match="no column for the user"):
        prepared(tmp_path, source)


def test_rows_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    source = tmp_path / "events.csv"
    source.write_text("user_id,item_id,timestamp\na,x,2024-01-01 10:00:00\n,y,5\nb,,5\nb,z,soon\n")
    data = prepared(tmp_path, source)
    assert named(data)["train"] == [("a", "x")]
    assert len(data.test) == len(data.validation) == 0


def test_one_user(tmp_path: Path) -> None:
    data = prepared(tmp_path, written(tmp_path, [("me", f"i{n}", n) for n in range(5)]))
    assert named(data)["test"] == {"me": ("i4", [])}
    assert named(data)["validation"] == {"me": ("i3", [])}
    assert len(data.complete()) == 4


@pytest.mark.parametrize(
    ("text", "word"),
    [("user,item,time\n", "no event"), ("a,b\n1,2\n", "no column"), ("", "table|column")],
)
def test_empty_data_is_refused(text: str, word: str, tmp_path: Path) -> None:
    source = tmp_path / "events.csv"
    source.write_text(text)
    with pytest.raises(InvalidInput, match=word):
        prepared(tmp_path, source)
    with pytest.raises(InvalidInput, match="no file"):
        prepared(tmp_path, tmp_path / "missing.csv")
    with pytest.raises(InvalidInput, match="holds 0 prepared"):
        open_prepared(tmp_path)


def test_objects_are_read_by_their_address(tmp_path: Path) -> None:
    path = written(tmp_path, [("a", "x", 1), ("a", "y", 2)])
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    prepare(run, PrepareRecipe(sources=(path.as_uri(),), partition="day"))
    assert named(open_prepared(run.artefacts))["test"] == {"a": ("y", [])}
    missing = PrepareRecipe(sources=((tmp_path / "none.csv").as_uri(),))
    with pytest.raises(InvalidInput, match="no object"):
        prepare(RunFolder(tmp_path / "other"), missing)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["events.csv", "events.parquet"])
def test_sources_in_s3(
    name: str, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [(f"u{n % 40}", f"i{n % 97}", n) for n in range(4000)]
    path = written(tmp_path, events)
    if name.endswith(".parquet"):
        parquet.write_table(csv.read_csv(path), path.with_suffix(".parquet"))
        path = path.with_suffix(".parquet")
    address = s3.put("shop", f"day=1/{name}", path.read_bytes())
    for variable, value in s3.environment.items():
        monkeypatch.setenv(variable, value)
    run = RunFolder(tmp_path / "from-s3")
    run.path.mkdir()
    prepare(run, PrepareRecipe(sources=(address,), partition="day", negatives=5))
    assert named(open_prepared(run.artefacts)) == named(prepared(tmp_path, path, negatives=5))
    other = RunFolder(tmp_path / "other")
    with pytest.raises(InvalidInput, match="no object"):
        prepare(other, PrepareRecipe(sources=(address.replace("day=1", "day=2"),)))
    s3.refuse()
    with pytest.raises(SetupError, match="can't be read"):
        prepare(RunFolder(tmp_path / "refused"), PrepareRecipe(sources=(address,)))


def test_goes_on_after_the_part_that_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [(f"u{n % 6}", f"i{n}", n) for n in range(60)]
    source = written(tmp_path, events)
    whole = named(prepared(tmp_path, source, negatives=5, users_per_part=3))
    run = RunFolder(tmp_path / "killed")
    run.path.mkdir()
    recipe = PrepareRecipe(sources=(str(source),), partition="day", negatives=5, users_per_part=2)
    told: list[int] = []

    def dies(message: str, done: int = 0, total: int = 0) -> None:
        told.append(done)
        if message == "Splitting" and done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run, "progress", dies)
    with pytest.raises(KeyboardInterrupt):
        prepare(run, recipe)
    assert not list(run.artefacts.iterdir())
    source.unlink()  # what was read is not read again
    again = RunFolder(run.path)
    prepare(again, recipe)
    assert named(open_prepared(again.artefacts)) == whole
    assert json.loads((again.path / "result.json").read_text())["metrics"]["train"] == 48
    assert len(list(again.artefacts.glob("partition=day/train/*.parquet"))) == 3
