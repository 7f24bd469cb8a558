"""A message to one receiver names no tenant of another, whatever happens and however it is told."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from alerts import digest_store
from alerts.codec import decode
from alerts.digest import digest_message
from alerts.holds import PlannedEvent, Silence
from alerts.interim import Interim, Reader
from alerts.notice import Message
from alerts.routing import Route, Routes
from alerts.tables import NotificationRow
from detector.model import MICRO, FindingKind, Severity
from tests.alerts.test_digest import DAILY
from tests.alerts.test_waking import Desk
from tests.builders import DAY, NOW, drop, source_stale, spike
from tests.databases import open_empty

ONE = timedelta(days=1)
TENANTS = ("uno", "duo", "trio", "quattro")
NAMES = {tenant: f"Company {tenant.upper()}" for tenant in TENANTS}
RECEIVERS = ("desk-uno", "desk-duo", "desk-trio", "ops")
OWN = {"uno": "desk-uno", "duo": "desk-duo", "trio": "desk-trio"}
CRITICAL = Severity.CRITICAL

ROUTES = st.lists(
    st.builds(
        Route,
        st.sampled_from(RECEIVERS),
        st.sampled_from(["uno", "duo", "t*", "quattro"]),
        st.sampled_from([None, FindingKind.SPEND_SPIKE]),
        st.sampled_from([None, CRITICAL]),
    ),
    max_size=3,
)
FINDINGS = st.lists(
    st.tuples(st.sampled_from(TENANTS), st.booleans(), st.sampled_from([500, 810, 850, 1_900])),
    max_size=6,
    unique_by=lambda each: each[:2],
)
DAYS = st.lists(FINDINGS, min_size=1, max_size=5)


def findings(some, day):
    for tenant, rises, dollars in some:
        yield (
            spike(day, tenant, actual=dollars)
            if rises
            else drop(day, tenant, actual=10, expected=dollars)
        )


@contextmanager
def a_desk():
    with TemporaryDirectory() as folder:
        engine = open_empty(f"sqlite:///{Path(folder) / 'spendwatch.db'}")
        yield Desk(engine)
        engine.dispose()


def messages(desk):
    with Session(desk.engine) as session:
        rows = session.exec(select(NotificationRow)).all()
        return [(row.receiver, decode(Message, row.message)) for row in rows]


def digests(desk, routes):
    with Session(desk.engine) as session:
        interim = Interim(
            since=NOW - ONE,
            until=NOW + 9 * ONE,
            days=(DAY,),
            judged=frozenset({DAY}),
            lasting=digest_store.lasting_alerts(session),
            ended=digest_store.alerts_that_came_and_went(session, NOW - ONE),
            held=digest_store.held_back(session, NOW - ONE),
            spent=dict.fromkeys(TENANTS, 7 * MICRO),
            unpriced=frozenset(TENANTS),
            silences=tuple(map(a_silence, TENANTS)),
            plans=tuple(map(a_plan, TENANTS)),
        )
    for receiver in RECEIVERS:
        yield receiver, digest_message(interim, Reader(receiver, DAILY, routes, NAMES))


def a_silence(tenant):
    return Silence("S-1", tenant, None, Severity.NOTICE, None, NOW + 99 * ONE, "quiet", "ana")


def a_plan(tenant):
    return PlannedEvent("P-1", tenant, DAY + 9 * ONE, DAY + 20 * ONE, MICRO, "batch", "ana")


def words_of(message):
    lines = (line.text for line in message.lines)
    return " ".join((message.title, *lines, *message.listed, message.reference, message.owner))


def named_in(message):
    words = words_of(message).casefold()
    return {tenant for tenant in TENANTS if f" {tenant}" in f" {words}"}


def may_hear_of(routes, receiver):
    return {
        tenant
        for tenant in TENANTS
        if receiver in {way.chosen.receiver for way in routes.ways(tenant)}
    }


@settings(max_examples=25)
@given(DAYS, ROUTES, st.sampled_from([1, 3, 99]))
def test_no_message_names_a_tenant_that_is_not_routed_to_its_receiver(days, some, group_above):
    routes = Routes("ops", tuple(some), OWN)
    around = {
        "routes": routes,
        "names": NAMES,
        "owners": {tenant: f"owner of {tenant}" for tenant in TENANTS},
        "group_above": group_above,
    }
    told = []
    with a_desk() as desk:
        for place, found in enumerate([*days, [], []]):
            day, now = DAY + place * ONE, NOW + place * ONE
            desk.judge(*findings(found, day), source_stale(day), now=now, day=day, **around)
            desk.wake(now + ONE / 2, day=day, **around)
            told += digests(desk, routes)
        told += messages(desk)
    wrong = [
        (receiver, message.title)
        for receiver, message in told
        if not named_in(message) <= may_hear_of(routes, receiver)
    ]
    assert wrong == []
    assert any(map(named_in, (message for _, message in told)))
