from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.holds import PlannedEvent, QuietHours, Silence, is_like, plan_of, silence_of
from detector.model import MICRO, FindingKind, Severity
from tests.builders import DAY, NOW, an_alert, drop, november, source_stale, spike

HOUR = timedelta(hours=1)
IDS = st.text(alphabet="ab[]?*!-.\\", max_size=6)
ALERTS = st.sampled_from(
    [an_alert(spike(tenant="contoso")), an_alert(spike(actual=400)), an_alert(source_stale())]
)


def silence(tenant="acme", kind=None, severity=None, *, begin=-HOUR, end=HOUR, **changes):
    values = {"reference": "S-3", "comment": "migration", "author": "alice", **changes}
    starts_at = None if begin is None else NOW + begin
    return Silence(
        tenant=tenant,
        kind=kind,
        severity=severity,
        starts_at=starts_at,
        ends_at=NOW + end,
        **values,
    )


def plan(first=DAY, last=None, *, ceiling=900, tenant="acme", **changes):
    values = {"reference": "P-2", "comment": "migration", "author": "alice", **changes}
    return PlannedEvent(
        tenant=tenant,
        first_day=first,
        last_day=last or first,
        ceiling_micro_usd=ceiling * MICRO,
        **values,
    )


def test_a_silence_holds_from_its_beginning_until_just_before_its_end():
    held = silence(begin=timedelta(0), end=HOUR)
    assert not held.holds(NOW - timedelta.resolution)
    assert held.holds(NOW)
    assert held.holds(NOW + HOUR - timedelta.resolution)
    assert not held.holds(NOW + HOUR)


def test_a_silence_without_a_beginning_was_always_in_force():
    assert silence(begin=None).holds(NOW - timedelta(days=9_999))


def test_a_silence_is_over_at_its_end_and_not_before():
    assert not silence(end=HOUR).over(NOW)
    assert silence(end=timedelta(0)).over(NOW)


@pytest.mark.parametrize(
    ("named", "matches"),
    [
        ({}, True),
        ({"tenant": "acme"}, True),
        ({"tenant": "ac"}, False),
        ({"tenant": "ac*"}, True),
        ({"tenant": "*cm*"}, True),
        ({"tenant": "*"}, True),
        ({"tenant": "bolt*"}, False),
        ({"kind": FindingKind.SPEND_SPIKE}, True),
        ({"kind": FindingKind.SPEND_DROP}, False),
        ({"severity": Severity.CRITICAL}, True),
        ({"severity": Severity.WARNING}, False),
        ({"tenant": "acme", "severity": Severity.WARNING}, False),
        ({"tenant": "bolt", "severity": Severity.CRITICAL}, False),
    ],
)
def test_a_silence_matches_where_everything_it_names_fits(named, matches):
    assert silence(**{"tenant": "", **named}).matches(an_alert(spike())) is matches


def test_a_silence_of_a_tenant_leaves_alone_what_has_no_tenant():
    assert not silence("acme*").matches(an_alert(source_stale()))
    assert silence("", FindingKind.SOURCE_STALE).matches(an_alert(source_stale()))


@given(IDS, IDS)
@example("a[b]", "a[b]")
@example("ab", "a[b]")
@example("ab", "a?")
def test_only_the_star_of_a_pattern_stands_for_something_else(tenant, pattern):
    assert is_like(tenant, tenant.replace("*", "")) == ("*" not in tenant)
    if "*" not in pattern:
        assert is_like(tenant, pattern) == (tenant == pattern)
    assert is_like(f"{tenant}{pattern}", f"{tenant}*")
    assert is_like(f"{tenant}{pattern}", f"*{pattern}")


@given(ALERTS, st.sampled_from(FindingKind), st.sampled_from(Severity), IDS)
def test_naming_more_never_silences_more(alert, kind, severity, tenant):
    if silence(tenant, kind, severity).matches(alert):
        assert silence(tenant, kind).matches(alert)
        assert silence(tenant, None, severity).matches(alert)
        assert silence("", kind, severity).matches(alert)


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=5))
def test_the_silence_named_is_in_force_and_none_in_force_holds_longer(spans):
    announced = [silence(begin=begin * HOUR, end=end * HOUR) for begin, end in spans]
    found = silence_of(an_alert(), announced, NOW)
    in_force = [each for each in announced if each.holds(NOW)]
    assert (found is None) == (not in_force)
    assert found is None or found.ends_at == max(each.ends_at for each in in_force)


@pytest.mark.parametrize(
    ("finding", "covered"),
    [
        (spike(november(11)), False),
        (spike(november(12)), True),
        (spike(november(14)), True),
        (spike(november(15)), False),
        (spike(november(13), tenant="bolt"), False),
        (drop(november(13)), False),
    ],
)
def test_a_plan_covers_spikes_of_its_tenant_on_its_days(finding, covered):
    assert plan(november(12), november(14)).covers(finding) is covered


def test_a_plan_allows_what_costs_up_to_its_ceiling():
    assert plan(ceiling=900).allows(spike(actual=900))
    assert not plan(ceiling=900).allows(spike(actual_micro_usd=900 * MICRO + 1))
    assert plan(ceiling=0).allows(spike(actual=0))


def test_of_several_plans_the_highest_ceiling_counts():
    low, high = plan(ceiling=500), plan(ceiling=900)
    other = plan(ceiling=9_000, tenant="bolt")
    assert plan_of(spike(), [low, high, other]) is high
    assert plan_of(spike(tenant="corp"), [low, high, other]) is None


def test_two_plans_meet_where_they_share_a_day_of_one_tenant():
    first = plan(november(12), november(14))
    assert first.meets(plan(november(14), november(20)))
    assert not first.meets(plan(november(15), november(20)))
    assert not first.meets(plan(november(12), november(14), tenant="bolt"))


def test_a_plan_is_over_after_its_last_day_or_where_it_has_none():
    assert not plan(november(12), november(14)).over(november(14))
    assert plan(november(12), november(14)).over(november(15))
    assert plan(november(12), november(11)).over(november(1))
    assert not plan(november(12), november(11)).covers(spike())


NIGHT = QuietHours(time(22), time(7), ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-12T20:59", None),
        ("2026-11-12T21:00", "2026-11-13T06:00"),
        ("2026-11-13T05:59", "2026-11-13T06:00"),
        ("2026-11-13T06:00", None),
    ],
)
def test_quiet_hours_reach_over_midnight_and_leave_their_end_out(now, ends):
    found = NIGHT.end_after(datetime.fromisoformat(f"{now}+00:00"))
    assert found == (datetime.fromisoformat(f"{ends}+00:00") if ends else None)


def test_fault_47_quiet_hours_that_end_where_the_clocks_jump_end_as_much_later():
    jump = QuietHours(time(1), time(2, 30), ZoneInfo("Europe/Berlin"))
    asleep = datetime(2027, 3, 28, 0, 45, tzinfo=UTC)
    assert jump.end_after(asleep) == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)
