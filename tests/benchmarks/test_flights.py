"""Real series as spend: what is injected, and the plain rules that are compared with."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from benchmarks.flights import (
    DAYS,
    FIRST,
    JUDGED,
    as_history,
    inject,
    panel_of,
    rows_of,
    z_alerts,
)
from benchmarks.panels import CLASSIC, alerts_of

SPIKE = 200


def minutes(spike=1.0):
    """Three steady series, two of them weekly; the first has a spike."""
    rng = np.random.default_rng(1)
    days = {f"AA JFK {name}": rng.normal(300, 15, DAYS) for name in ("BOS", "LAX", "SFO")}
    days["AA JFK LAX"][5::7] = 0
    days["AA JFK BOS"][SPIKE] *= spike
    return days


def test_each_series_gets_one_incident_on_days_it_is_flown_on():
    usual = minutes()
    changed, events = inject(usual, seed=4)
    assert [event.tenant for event in events] == list(usual)
    for event in events:
        first, last = ((day - FIRST).days for day in (event.start, event.end))
        times = np.divide(
            changed[event.tenant], usual[event.tenant], out=np.ones(DAYS),
            where=usual[event.tenant] > 0,
        )  # fmt: skip
        assert 2 <= last - first + 1 <= 4
        assert first >= JUDGED
        assert 2 <= times[first] <= 5
        assert (np.delete(times, np.arange(first, last + 1)) == 1).all()


def test_another_seed_puts_them_elsewhere_and_the_same_one_does_not():
    one, same, other = (inject(minutes(), seed)[1] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_minutes_are_dollars_that_a_source_states():
    history = as_history(minutes())
    assert history.cost.sum() / 1e6 == pytest.approx(sum(map(np.sum, minutes().values())))
    assert history.given.any()
    assert not history.prompt.any()


@pytest.mark.parametrize(("bar", "floors", "told"), [(3, True, 1), (200, False, 0)])
def test_the_plain_rule_tells_of_what_lies_above_its_bar(bar, floors, told):
    alerts = z_alerts(minutes(spike=3), bar, floors=floors)
    assert (("AA JFK BOS", FIRST + timedelta(days=SPIKE)) in alerts) is bool(told)


@pytest.mark.parametrize(("usual", "spike", "told"), [(100, 1.24, 0), (100, 1.26, 1), (8, 1.6, 0)])
def test_the_floors_are_a_quarter_and_five_dollars(usual, spike, told):
    days = np.tile([0.99 * usual, 1.01 * usual], DAYS)[:DAYS]
    days[SPIKE] = spike * usual
    assert len(z_alerts({"AA JFK BOS": days}, 3, floors=True)) == told
    assert len(z_alerts({"AA JFK BOS": days}, 3, floors=False)) == 1


def test_the_floors_only_ever_tell_of_fewer():
    assert z_alerts(minutes(), 2, floors=True) < z_alerts(minutes(), 2, floors=False)


def test_the_plain_rule_with_floors_is_classic():
    usual = minutes(spike=3)
    judged = alerts_of(panel_of(usual).judge(CLASSIC))
    assert judged == z_alerts(usual, 3, floors=True)
    assert judged


def test_every_rule_is_measured_on_the_data_as_they_are_and_with_incidents():
    usual = minutes()
    rows = list(rows_of(usual, [inject(usual, 1)]))
    assert [name for name, _, _ in rows][-2:] == ["`classic`", "`robust`"]
    for _, clean, (found,) in rows:
        assert (clean.incidents, found.incidents) == (0, 3)
        assert found.recall == 1
