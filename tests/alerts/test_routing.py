from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.routing import Chosen, ChosenBy, Route, Routes, Way
from detector.model import Finding, FindingKind, Severity
from tests.builders import DAY, an_alert, source_stale, spike

SPIKE, DROP = FindingKind.SPEND_SPIKE, FindingKind.SPEND_DROP
CRITICAL, WARNING, NOTICE = Severity
ON_CALL = Route("on-call", severity=CRITICAL)
OWN = {"bolt": "bolt-team"}


def routes(*some, **changes):
    return Routes("ops", some, OWN, **changes)


def test_without_a_route_a_tenants_own_receiver_is_told_else_the_default():
    assert routes().receiver_of(spike(tenant="bolt")) == Chosen("bolt-team", ChosenBy.TENANT)
    assert routes().receiver_of(spike()) == Chosen("ops", ChosenBy.DEFAULT)
    assert routes().receiver_of(source_stale()) == Chosen("ops", ChosenBy.DEFAULT)


def test_the_first_route_that_fits_wins_over_later_ones_and_over_the_tenants_own():
    chosen = routes(Route("a", tenant="acme"), Route("b", tenant="b*"), Route("c", tenant="bolt"))
    assert chosen.receiver_of(spike(tenant="bolt")) == Chosen("b", ChosenBy.ROUTE, 1)


def test_an_alert_goes_where_its_finding_would():
    alert = an_alert(spike(tenant="bolt"))
    assert routes(ON_CALL).receiver_of(alert) == routes(ON_CALL).receiver_of(alert.finding)


@pytest.mark.parametrize(
    ("route", "fits"),
    [
        (Route("x", tenant="acme"), True),
        (Route("x", tenant="ac*"), True),
        (Route("x", tenant="*"), True),
        (Route("x", tenant="bolt"), False),
        (Route("x", kind=SPIKE), True),
        (Route("x", kind=DROP), False),
        (Route("x", severity=CRITICAL), False),
        (Route("x", severity=WARNING), True),
        (Route("x", severity=NOTICE), True),
        (Route("x", cost_centre="CC-1"), True),
        (Route("x", cost_centre="CC-2"), False),
        (Route("x", tenant="acme", kind=SPIKE, severity=WARNING, cost_centre="CC-1"), True),
        (Route("x", tenant="acme", kind=DROP, severity=WARNING, cost_centre="CC-1"), False),
    ],
)
def test_all_that_a_route_names_must_fit_and_a_severity_means_at_least(route, fits):
    chosen = routes(route, cost_centres={"acme": "CC-1"}).receiver_of(spike(severity=WARNING))
    assert (chosen.receiver == "x") is fits


def test_what_is_about_no_tenant_goes_by_kind_and_severity_alone():
    about = source_stale()
    assert routes(Route("x", tenant="acme")).receiver_of(about).receiver == "ops"
    assert routes(Route("x", cost_centre="CC-1")).receiver_of(about).receiver == "ops"
    assert routes(ON_CALL).receiver_of(about).receiver == "on-call"


@pytest.mark.parametrize(
    ("route", "tenant", "receiver"),
    [
        (ON_CALL, "bolt", "bolt-team"),
        (Route("x", kind=SPIKE), "bolt", "bolt-team"),
        (Route("x", tenant="bolt"), "bolt", "x"),
        (Route("x", tenant="bolt", severity=NOTICE), "bolt", "x"),
        (Route("x", tenant="bolt"), "", "ops"),
    ],
)
def test_a_tenant_as_such_is_whose_it_is_whatever_the_kind_and_severity(route, tenant, receiver):
    assert routes(route).receiver_of_tenant(tenant) == receiver


def test_everybody_who_is_told_of_anything_is_known():
    assert routes(ON_CALL).every_receiver == {"on-call", "ops", "bolt-team"}


def test_only_a_route_by_severity_can_tell_somebody_else_of_what_becomes_graver():
    assert routes(ON_CALL).by_severity
    assert not routes(Route("x", tenant="acme")).by_severity
    grave = an_alert(spike(severity=CRITICAL))
    assert routes(ON_CALL).receivers_below(grave) == {"ops"}
    assert routes(ON_CALL).receivers_below(an_alert(spike(severity=NOTICE))) == frozenset()


@pytest.mark.parametrize(
    ("first", "second", "covered"),
    [
        (Route("a", tenant="acme*"), Route("b", tenant="acme-*"), True),
        (Route("a", tenant="acme-*"), Route("b", tenant="acme*"), False),
        (Route("a", tenant="*"), ON_CALL, True),
        (Route("a", tenant="acme"), ON_CALL, False),
        (Route("a", severity=WARNING), ON_CALL, True),
        (ON_CALL, Route("b", severity=WARNING), False),
        (Route("a", severity=NOTICE), Route("b", kind=SPIKE), True),
        (Route("a", kind=SPIKE), Route("b", tenant="acme", kind=SPIKE), True),
        (Route("a", kind=SPIKE), Route("b", tenant="acme"), False),
        (Route("a", cost_centre="CC-1"), Route("b", tenant="acme", cost_centre="CC-1"), True),
        (Route("a", cost_centre="CC-1"), Route("b", tenant="acme"), False),
    ],
)
def test_a_route_covers_another_where_it_takes_all_that_one_matches(first, second, covered):
    assert first.covers(second) is covered


TENANTS = ("acme", "acme-dev", "bolt", "")
COST_CENTRES = {"acme": "CC-1", "bolt": "CC-2"}
SOME = st.builds(
    Route,
    st.sampled_from("abc"),
    st.sampled_from(["", "*", "acme", "acme*", "*-dev", "bolt"]),
    st.sampled_from([None, SPIKE, DROP]),
    st.sampled_from([None, *Severity]),
    st.sampled_from(["", "CC-1", "CC-2"]),
)
CASES = [(t, k, s) for t in TENANTS for k in (SPIKE, DROP) for s in Severity]


def takes(route, tenant, kind, severity):
    return route.reaches(tenant, COST_CENTRES.get(tenant, "")) and route.takes(kind, severity)


@given(SOME, SOME)
def test_whatever_a_covered_route_takes_the_one_before_it_takes(first, second):
    if first.covers(second):
        assert all(takes(first, *case) for case in CASES if takes(second, *case))


@given(st.lists(SOME, max_size=4), st.sampled_from(CASES))
def test_the_ways_of_a_tenant_lead_each_alert_where_it_goes(some, case):
    tenant, kind, severity = case
    which = Routes("ops", tuple(some), OWN, COST_CENTRES)
    chosen = which.receiver_of(Finding(kind, DAY, severity, tenant=tenant))
    fitting = [way for way in which.ways(tenant) if way_takes(way, kind, severity)]
    assert fitting[0].chosen == chosen
    assert which.ways(tenant, kind, severity)[0].chosen == chosen
    assert len(which.ways(tenant, kind, severity)) == 1


def way_takes(way, kind, severity):
    return Route("", kind=way.kind, severity=way.severity).takes(kind, severity)


def test_a_way_that_an_earlier_one_leaves_nothing_is_left_out():
    nothing_left = Route("x", kind=SPIKE, severity=CRITICAL)
    assert routes(ON_CALL, nothing_left).ways("acme") == (
        Way(None, CRITICAL, Chosen("on-call", ChosenBy.ROUTE, 0)),
        Way(None, None, Chosen("ops", ChosenBy.DEFAULT)),
    )


def test_the_ways_of_one_kind_or_severity_leave_out_those_of_others():
    spikes = Route("x", kind=SPIKE)
    assert [way.chosen.receiver for way in routes(spikes, ON_CALL).ways("bolt", DROP)] == [
        "on-call",
        "bolt-team",
    ]
    assert [way.chosen.receiver for way in routes(ON_CALL, spikes).ways("bolt", None, WARNING)] == [
        "x",
        "bolt-team",
    ]
