"""What is computed: splits, tickets, intervals, rates, how many replicas, frames."""

import math

import numpy as np
import pytest

from stoa.base.errors import NotFound
from stoa.core.inference.autoscaling import CALM_SECONDS, Autoscaler
from stoa.core.inference.comparison import (
    Bucket,
    Share,
    difference,
    interval,
    p_value,
    share_of,
    verdict,
)
from stoa.core.inference.meter import Meter, percentile
from stoa.core.inference.splitting import BUCKETS, GOOD_SECONDS, Place, Tickets, place_of
from stoa.core.inference.views import Arm, Scaling
from stoa.core.inference.wire import LONGEST, CallFrame, Frames, UnreadableFrame, calls, framed


def test_a_split_is_true_to_its_share_and_independent_between_trials() -> None:
    users = [f"user-{each}" for each in range(20_000)]
    for share in (0.01, 0.1, 0.5, 0.9):
        taken = sum(place_of(user, "trial", share).arm is Arm.CHALLENGER for user in users)
        assert abs(taken - share * 20_000) < 4 * math.sqrt(20_000 * share * (1 - share))
    one = np.array([place_of(user, "one", 0.5).arm is Arm.CHALLENGER for user in users])
    two = np.array([place_of(user, "two", 0.5).arm is Arm.CHALLENGER for user in users])
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03


def test_a_growing_share_keeps_those_who_had_the_challenger() -> None:
    users = [f"user-{each}" for each in range(2000)]
    few = {user for user in users if place_of(user, "trial", 0.1).arm is Arm.CHALLENGER}
    more = {user for user in users if place_of(user, "trial", 0.3).arm is Arm.CHALLENGER}
    assert few < more
    assert {place_of(user, "trial", 0.1).bucket for user in users} == set(range(BUCKETS))


def test_a_ticket_is_of_one_workspace_and_good_for_a_week() -> None:
    at = [1_800_000_000.0]
    tickets = Tickets(b"k" * 32, clock=lambda: at[0])
    ticket = tickets.sign("workspace_a", "endpoint_1", 7, Place(Arm.CHALLENGER, 63))
    read = tickets.read("workspace_a", ticket)
    assert (read.endpoint_id, read.generation, read.arm, read.bucket) == (
        "endpoint_1",
        7,
        Arm.CHALLENGER,
        63,
    )
    for bad in (ticket.replace("endpoint_1", "endpoint_2"), ticket[:-1], "x", "é.é"):
        with pytest.raises(NotFound):
            tickets.read("workspace_a", bad)
    with pytest.raises(NotFound):
        tickets.read("workspace_b", ticket)
    at[0] += GOOD_SECONDS + 1
    with pytest.raises(NotFound):
        tickets.read("workspace_a", ticket)


def test_wilsons_interval_is_the_published_one() -> None:
    """Newcombe 1998, table I: 81 of 263 and 0 of 20 by Wilson's method; table II: 56/70 and 48/80."""
    one = interval(Share(263, 81, 263))
    assert (round(one.low, 4), round(one.high, 4)) == (0.2553, 0.3662)
    none = interval(Share(20, 0, 20))
    assert (round(none.low, 4), round(none.high, 4)) == (0.0, 0.1611)
    gap = difference(Share(80, 48, 80), Share(70, 56, 70))
    assert (round(gap.low, 4), round(gap.high, 4)) == (0.0524, 0.3339)


def test_the_interval_holds_the_truth_when_the_same_people_come_again() -> None:
    """Each user clicks at a rate of their own; an interval that took answers for independent fails."""
    random = np.random.default_rng(3)
    held = naive = 0
    for _ in range(300):
        users = 400
        rates = random.beta(0.5, 4.5, users)
        shown = random.poisson(30, users)
        clicked = random.binomial(shown, rates)
        place = random.integers(0, BUCKETS, users)
        buckets = [
            Bucket(int(shown[place == each].sum()), int(clicked[place == each].sum()))
            for each in range(BUCKETS)
        ]
        share = share_of(buckets)
        found = interval(share)
        held += found.low <= 0.1 <= found.high
        alone = interval(Share(share.shown, share.clicked, share.shown))
        naive += alone.low <= 0.1 <= alone.high
    assert held >= 0.90 * 300
    assert naive < 0.80 * 300


def test_no_difference_is_found_where_there_is_none_and_one_where_there_is() -> None:
    random = np.random.default_rng(4)
    same = [
        p_value(
            Share(5000, int(random.binomial(5000, 0.1)), 5000),
            Share(500, int(random.binomial(500, 0.1)), 500),
        )
        for _ in range(400)
    ]
    false_alarms = sum(each is not None and each < 0.05 for each in same)
    assert 5 <= false_alarms <= 40
    assert verdict(Share(10_000, 1000, 10_000), Share(10_000, 1200, 10_000)) == "challenger"
    assert verdict(Share(10_000, 1200, 10_000), Share(10_000, 1000, 10_000)) == "champion"
    assert verdict(Share(10_000, 1000, 10_000), Share(10_000, 1010, 10_000)) == "undecided"
    assert verdict(Share(99, 50, 99), Share(10_000, 1010, 10_000)) == "too little"
    assert verdict(Share(1000, 0, 1000), Share(1000, 0, 1000)) == "too little"
    assert share_of([]).value == 0
    assert interval(share_of([])).high == 1.0


def test_more_replicas_come_with_load_and_go_after_a_calm_while() -> None:
    at = [0.0]
    scaling = Scaling(min_replicas=1, max_replicas=4, target_outstanding=10)
    scaler, replicas = Autoscaler(scaling, lambda: at[0]), 1
    for _ in range(20):  # ten seconds of 35 calls under way
        at[0] += 0.5
        replicas = scaler.look(35, replicas)
    assert replicas == 4
    changes = []
    for _ in range(int(2.5 * CALM_SECONDS / 0.5)):
        at[0] += 0.5
        replicas = scaler.look(0, replicas)
        changes.append(replicas)
    assert changes[int(0.8 * CALM_SECONDS / 0.5)] == 4
    assert replicas == 2
    for _ in range(400):
        at[0] += 0.5
        replicas = scaler.look(0, replicas)
    assert replicas == 1


def test_a_load_at_the_target_does_not_swing() -> None:
    at = [0.0]
    scaling = Scaling(min_replicas=1, max_replicas=8, target_outstanding=10)
    scaler, replicas, seen = Autoscaler(scaling, lambda: at[0]), 1, []
    for step in range(1000):
        at[0] += 0.5
        replicas = scaler.look(19 + step % 4, replicas)
        seen.append(replicas)
    assert len(set(seen[100:])) == 1


def test_rates_forget_and_percentiles_are_an_eighth_off_at_most() -> None:
    at = [1000.0]
    meter = Meter(clock=lambda: at[0])
    for each in range(1, 1001):
        meter.note(each / 1000, failed=each > 990)
    at[0] += 1
    taken = meter.snapshot()
    assert taken["errors"] == 10
    counted = taken["buckets"]
    assert isinstance(counted, dict)
    buckets = [(int(bucket), count) for bucket, count in counted.items()]
    assert 0.5 <= percentile(buckets, 0.5) <= 0.5 * 1.13
    assert 0.99 <= percentile(buckets, 0.99) <= 0.99 * 1.13
    assert percentile([], 0.5) == 0
    at[0] += 100
    assert meter.snapshot()["buckets"] == {}


def test_frames_come_whole_from_pieces_and_no_end_is_waited_for() -> None:
    sent = [
        CallFrame(each, "rank", [{"user": "é" * each, "items": [1, None, 2.5]}])
        for each in range(5)
    ]
    stream = b"".join(framed(each) for each in sent)
    frames = Frames()
    found = [body for at in range(0, len(stream), 7) for body in frames.take(stream[at : at + 7])]
    assert [calls.decode(each) for each in found] == sent
    with pytest.raises(UnreadableFrame):
        frames.take((LONGEST + 1).to_bytes(4, "little"))
