"""Interactions as versions, catalogues, settings: what is kept, for whom, and how often."""

import asyncio

import pytest

from stoa.base.errors import Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import Caller, Role
from stoa.core.flows.run import RunState
from stoa.solutions.recommend_products.interactions import parts_of
from stoa.solutions.recommend_products.schema import Model
from tests.solutions.recommend_products.conftest import SAMPLE, Desk, rows

MONDAY = rows(("ann", "mug", 100), ("ann", "pan", 200), ("bob", "mug", 150))
TUESDAY = rows(("bob", "pan", 300), ("ann", "mug", 50))


async def parts(desk: Desk, version: int | None = None) -> list[int]:
    call = desk.house.as_call(desk.caller, desk.house.solutions["recommend_products"])
    return [each.version for each in await parts_of(call, "shop", version=version)]


async def test_a_file_is_a_version_and_a_day_is_added_to_what_is_there(desk: Desk) -> None:
    first = await desk.add(MONDAY, partition="monday")
    assert (first.version, first.rows, first.users, first.items) == (1, 3, 2, 2)
    second = await desk.add(TUESDAY, partition="tuesday")
    assert (second.version, second.rows) == (2, 2)
    assert await parts(desk) == [1, 2]
    assert await parts(desk, version=1) == [1]
    seen = await desk.call("user", user="ann")
    assert [each.item for each in seen.history] == ["pan", "mug"]
    assert seen.interactions == 2  # the mug twice: the latest counts


async def test_the_same_file_again_is_the_same_version(desk: Desk) -> None:
    first = await desk.add(MONDAY)
    again = await desk.add(MONDAY)
    assert (again.id, again.version) == (first.id, 1)


async def test_a_file_that_replaces_makes_the_others_count_no_more(desk: Desk) -> None:
    await desk.add(MONDAY)
    await desk.add(TUESDAY)
    third = await desk.add(MONDAY, replace=True)
    assert (third.version, third.replaces) == (3, True)
    assert await parts(desk) == [3]
    await desk.add(TUESDAY + b"\ncem,pan,400")
    assert await parts(desk) == [3, 4]
    assert (await desk.call("users", limit=10)).total == 3


async def test_two_that_arrive_at_once_are_both_kept(desk: Desk) -> None:
    await asyncio.gather(*(desk.add(rows((f"u{n}", "mug", n + 1))) for n in range(4)))
    assert await parts(desk) == [1, 2, 3, 4]
    assert (await desk.call("users")).total == 4


async def test_as_a_run_it_is_kept_once_and_told_once(desk: Desk) -> None:
    file = await desk.upload("monday.csv", MONDAY)
    run = await desk.start("add_interactions", file=file, shop="told", train=False)
    view = await desk.settled(run)
    assert view.state is RunState.DONE, view.error
    found = await desk.call("datasets", shop="told")
    assert [each.version for each in found.datasets] == [1]


async def test_what_a_shop_has_another_workspace_does_not_see(desk: Desk, bob: Caller) -> None:
    await desk.add(MONDAY)
    stranger = Desk(desk.house, bob)
    assert (await stranger.call("datasets")).datasets == []
    assert (await stranger.call("shops")).shops == []
    with pytest.raises(NotFound):
        await stranger.call("user", user="ann")


async def test_members_look_and_editors_add(desk: Desk) -> None:
    member = desk.beside("mia", Role.MEMBER)
    file = await desk.upload("monday.csv", MONDAY)
    with pytest.raises(Forbidden):
        await member.call("add_interactions", file=file)
    await desk.add(MONDAY)
    assert (await member.call("users")).users == ["ann", "bob"]


async def test_a_catalogue_is_added_changed_and_searched(desk: Desk) -> None:
    file = await desk.upload("products.csv", SAMPLE / "products.csv")
    added = await desk.call("add_products", file=file)
    assert (added.added, added.changed, added.total) == (288, 0, 288)
    again = await desk.call("add_products", file=file)
    assert (again.added, again.changed, again.total) == (0, 288, 288)
    found = await desk.call("products", text="wooden train", limit=3)
    assert found.total == 12
    assert found.products[0].attributes["category"] == "Children"
    assert found.products[0].picture.startswith("data:image/svg+xml,")
    chosen = await desk.call("products", items=["p002", "unknown", "p001"])
    assert [each.item for each in chosen.products] == ["p002", "p001"]


async def test_a_picture_is_a_picture_or_left_out(desk: Desk) -> None:
    content = b"item,title,picture\na,A,javascript:alert(1)\nb,B,https://shop.example/b.png\nc,C,data:text/html;x\n"
    await desk.call("add_products", file=await desk.upload("p.csv", content))
    found = await desk.call("products")
    assert [each.picture for each in found.products] == ["", "https://shop.example/b.png", ""]


async def test_settings_are_kept_and_a_schedule_is_wound(desk: Desk) -> None:
    kept = await desk.call("settings_set", models=["ease", "ease", "ials"], schedule="0 3 * * *")
    assert kept.settings.models == [Model.EASE, Model.IALS]
    assert (await desk.call("settings")).settings == kept.settings
    schedules = await desk.house.platform.flows.schedules(desk.caller)
    assert [each.cron for each in schedules] == ["0 3 * * *"]
    await desk.call("settings_set", models=["ease"])
    assert list(await desk.house.platform.flows.schedules(desk.caller)) == []
    with pytest.raises(InvalidInput):
        await desk.call("settings_set", schedule="whenever")
    assert (await desk.call("settings")).settings.schedule == ""


async def test_nothing_serves_yet(desk: Desk) -> None:
    for operation, request in (
        ("rank", {"user": "ann", "items": ["mug"]}),
        ("recommend", {"user": "ann"}),
        ("similar", {"item": "mug"}),
        ("endpoint", {}),
        ("roll_back", {}),
    ):
        with pytest.raises(NotFound, match="Nothing serves the shop 'shop' yet"):
            await desk.call(operation, **request)
