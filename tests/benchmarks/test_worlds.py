"""Worlds whose incidents are known: they look like real clients, and what happens is told."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.clients import Flow
from benchmarks.incidents import (
    EVENTS,
    INCIDENTS,
    Change,
    cost_of,
    launch,
    leak,
    lengthen,
    migrate,
    multiply_all,
    multiply_one,
    orphan,
    retry,
    switch,
    total_of,
)
from benchmarks.scoring import read_events, read_steady
from benchmarks.worlds import (
    FIRST_DAY,
    QUIET_DAYS,
    REAL,
    World,
    billed,
    figures,
    make_world,
    write_world,
)
from detector.model import UNATTRIBUTED

SHARE_OFF, NOISE_OFF = 0.06, 1.25
"""A share of clients lies within six points of the real one, a spread within a quarter."""
DAYS = 30
CHANGE = Change("any", 10, 12, 3.0)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(3, tenants=500, days=100)


def flows():
    """Two features of a tenant, $10 and $20 a day."""
    made = []
    for feature, model, tokens in (("chat", "gpt-4o", 4e6), ("search", "gpt-4.1-mini", 5e7)):
        days = np.full(DAYS, tokens)
        made.append(Flow("acme", feature, model, days / 1000, days.copy(), np.zeros(DAYS)))
    return made


def totals(effect, change=CHANGE):
    changed = flows()
    effect(changed, change, np.random.default_rng(1))
    return changed, total_of([flow for flow in changed if flow.tenant == "acme"], DAYS)


def test_the_flows_of_these_tests_cost_thirty_dollars_a_day():
    assert total_of(flows(), DAYS).tolist() == [30.0] * DAYS


@pytest.mark.parametrize("figure", REAL)
def test_the_clients_of_a_world_are_like_real_ones(world, figure):
    made, real = figures(world)[figure], REAL[figure]
    if figure.startswith("noise"):
        assert real / NOISE_OFF < made < real * NOISE_OFF
    else:
        assert made == pytest.approx(real, abs=SHARE_OFF)


def test_a_world_follows_from_its_seed_and_another_seed_makes_another():
    one, same, other = (make_world(seed, tenants=5, days=100) for seed in (1, 1, 2))
    assert one.labels == same.labels
    assert np.array_equal(one.costs()["t0001"], same.costs()["t0001"])
    assert not np.array_equal(one.costs()["t0001"], other.costs()["t0001"])


def test_more_tenants_change_none_of_the_others():
    few, many = (make_world(1, tenants=count, days=100).costs() for count in (3, 6))
    assert all(np.array_equal(few[f"t000{number}"], many[f"t000{number}"]) for number in range(3))


def test_a_world_too_short_for_what_shall_happen_is_refused():
    with pytest.raises(ValueError, match="at least 100 days, not 99"):
        make_world(1, tenants=1, days=99)


def test_everything_that_can_happen_does_and_no_incident_in_the_first_weeks():
    labels = [label for seed in (1, 2) for label in make_world(seed, tenants=400).labels]
    kinds = {label.kind.partition(":")[0] for label in labels}
    usual = {"price_change", "outage", "onboarding", "leaving", "month_end", "burst"}
    assert kinds == {*INCIDENTS, *EVENTS, *usual}
    assert min(label.first for label in labels if label.label == "anomaly") >= QUIET_DAYS
    tiers = Counter(label.tier for label in labels if label.label == "anomaly")
    assert set(tiers) == {"clear", "subtle"}
    assert {label.tier for label in labels if label.label != "anomaly"} == {""}


def test_what_happens_on_purpose_is_no_burst_of_nature(world):
    bursts, closings = (
        Counter((label.tenant, label.first) for label in world.labels if label.kind == kind)
        for kind in ("burst", "month_end")
    )
    days = sum(len(cost) for cost in world.costs().values())
    by_chance = sum(closings.values()) * sum(bursts.values()) / days
    assert sum((bursts & closings).values()) < 2.5 * by_chance


def test_incidents_of_a_tenant_are_two_weeks_apart(world):
    happened = sorted(
        (label.tenant, label.first, label.last)
        for label in world.labels
        if label.kind in {*INCIDENTS, *EVENTS}
    )
    gaps = [
        later[1] - earlier[2] for earlier, later in pairwise(happened) if earlier[0] == later[0]
    ]
    assert gaps
    assert min(gaps) >= 14


@pytest.mark.parametrize(
    ("effect", "during", "after"),
    [
        (multiply_all, 90, 30),
        (multiply_one, {50, 70}, 30),
        (lengthen, {50, 70}, 30),
        (retry, {50, 70}, 30),
        (orphan, None, 30),
        (switch, None, 30),
    ],
)
def test_an_incident_changes_its_days_alone(effect, during, after):
    change = Change("any", 10, 12, 0.2) if effect is orphan else CHANGE
    _, total = totals(effect, change)
    assert set(total[:10]) == {30.0}
    assert total[13:] == pytest.approx(after)
    assert (np.abs(total[10:13] - 30) > 5).all()
    if during:
        allowed = during if isinstance(during, set) else {during}
        assert {round(cost) for cost in total[10:13]} <= allowed


def test_what_loses_its_tenant_turns_up_without_one():
    changed, total = totals(orphan, Change("any", 10, 12, 0.2))
    lost = total_of([flow for flow in changed if flow.tenant == UNATTRIBUTED], DAYS)
    assert total[10:13] == pytest.approx(6)
    assert total + lost == pytest.approx(30)


def test_a_dearer_model_answers_the_same_requests():
    changed, total = totals(switch)
    assert sum(flow.requests for flow in changed) == pytest.approx(flows()[0].requests * 13.5)
    assert total[11] > 40


def test_a_leak_grows_a_little_every_day_up_to_its_factor():
    _, total = totals(leak, Change("any", 5, 24, 2.0))
    steps = np.diff(total[4:25])
    assert (steps > 0).all()
    assert steps.max() < 3
    assert total[24] in (pytest.approx(60), pytest.approx(40), pytest.approx(50))


@pytest.mark.parametrize("effect", [launch, migrate])
def test_what_is_no_incident_lasts(effect):
    changed, _ = totals(effect)
    touched = [flow for flow in changed if flow.requests[-1] != flow.requests[0]]
    assert touched
    assert all(flow.requests[-1] == flow.requests[-5] for flow in touched)


def test_a_change_of_price_changes_cost_and_no_tokens():
    (flow, _) = flows()
    cost = billed(flow, DAYS)
    assert cost[0] == pytest.approx(10)
    assert cost[-1] == pytest.approx(7.5)
    assert cost_of(flow)[-1] == pytest.approx(10)


def test_a_world_is_written_as_detectors_read_it(tmp_path):
    world = make_world(1, tenants=8, days=100)
    write_world(world, tmp_path)
    table = pq.read_table(tmp_path / "usage.parquet")
    assert table.column_names == [
        "date", "tenant", "feature", "model", "requests", "prompt_tokens", "completion_tokens",
        "cost_usd",
    ]  # fmt: skip
    assert table["date"].to_pylist() == sorted(table["date"].to_pylist())
    assert min(table["requests"].to_pylist()) > 0
    cost = sum(sum(cost) for cost in world.costs().values())
    assert sum(table["cost_usd"].to_pylist()) == pytest.approx(cost, rel=0.001)
    events = read_events(tmp_path / "labels.csv")
    assert len(events) == len(world.labels)
    assert events[0].start == FIRST_DAY + timedelta(days=world.labels[0].first)
    assert read_steady(tmp_path / "tenants.csv") <= {f"t{number:04d}" for number in range(8)}
    with (tmp_path / "labels.csv").open() as file:
        assert {row["label"] for row in csv.DictReader(file)} <= {"anomaly", "legit", "ignore"}
