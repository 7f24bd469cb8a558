from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.digest import digest_message
from alerts.digest_words import age
from alerts.holds import PlannedEvent, Silence
from alerts.interim import HeldBack, Interim, Reader, Schedule, due_day, only_of
from alerts.model import AlertState, Reason, Verb
from alerts.render.text import render_text
from detector.model import MICRO, UNATTRIBUTED, FindingKind, Severity
from tests.builders import (
    DAY,
    NAMES,
    NOW,
    a_reply,
    about_source,
    an_alert,
    budget,
    november,
    price_change,
    routes_to,
    source_stale,
    spike,
)

GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "messages"
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
DAILY = Schedule("daily", time(8), UTC_ZONE)
RECEIVERS = {"": "ops", "bolt": "bolt-team", "corp": "ops"}
OPEN, ACKNOWLEDGED, SNOOZED = AlertState.OPEN, AlertState.ACKNOWLEDGED, AlertState.SNOOZED
HOUR, ONE = timedelta(hours=1), timedelta(days=1)


def reader(receiver="ops", schedule=DAILY, names=NAMES):
    return Reader(receiver, schedule, routes_to(RECEIVERS), names)


def an_interim(**changes):
    """A day that was judged, on which nothing happened."""
    values = {
        "since": NOW - ONE,
        "until": NOW,
        "days": (DAY,),
        "judged": frozenset({DAY}),
        "spent": {"acme": 3_500 * MICRO, "corp": 12 * MICRO, "bolt": 900 * MICRO},
        **changes,
    }
    return Interim(**values)


def lasting(number, finding=None, *, ago=ONE, **changes):
    at = NOW - ago
    values = {"opened_at": at, "open_since": at, "told_at": at, "updated_at": at, **changes}
    return an_alert(finding or spike(), number=number, **values)


def held(number, finding=None, reason=Reason.SILENCED, at=NOW - HOUR, **changes):
    values = {"announced": False, "told_at": None, "held": reason, **changes}
    return HeldBack(an_alert(finding or spike(), number=number, **values), reason, at)


def silence(tenant="acme", **changes):
    values = {
        "reference": "S-3",
        "tenant": tenant,
        "kind": FindingKind.SPEND_SPIKE,
        "severity": None,
        "starts_at": NOW - ONE,
        "ends_at": NOW + ONE,
        "comment": "load test",
        "author": "ana",
        **changes,
    }
    return Silence(**values)


LAST = november(20)


def plan(tenant="acme", first=DAY, last=LAST, **changes):
    values = {
        "reference": "P-2",
        "tenant": tenant,
        "first_day": first,
        "last_day": last,
        "ceiling_micro_usd": 500 * MICRO,
        "comment": "launch",
        "author": "ana",
        **changes,
    }
    return PlannedEvent(**values)


def replied(number, verb=Verb.ACKNOWLEDGE, *, ago=ONE):
    return {number: replace(a_reply(verb), alert_number=number, at=NOW - ago)}


def words(interim, **who):
    return render_text(digest_message(interim, reader(**who)), colour=False)


def everything():
    """A day on which there is something of everything."""
    days = timedelta(days=1)
    opened = [
        lasting(number, spike(november(number), actual=actual), ago=(13 - number) * days)
        for number, actual in ((3, 2_000), (5, 700), (6, 420), (7, 430), (8, 440), (9, 450))
    ]
    return an_interim(
        lasting=(
            *opened,
            lasting(2, spike(november(1)), ago=12 * days, state=ACKNOWLEDGED),
            lasting(10, state=SNOOZED, snoozed_until=NOW + 3 * days),
        ),
        answers={
            **replied(2, ago=12 * days),
            **replied(10, Verb.SNOOZE, ago=2 * HOUR),
        },
        ended=(
            an_alert(price_change(), number=14, ended=True),
            an_alert(number=15, ended=True, state=AlertState.RESOLVED),
            an_alert(budget(), number=16, ended=True, state=AlertState.RESOLVED),
            an_alert(number=17, ended=True, state=AlertState.RESOLVED),
        ),
        held=(
            held(20, spike(tenant="corp", actual=900)),
            held(21, reason=Reason.PLANNED, ended=True, state=AlertState.RESOLVED),
            held(22, spike(actual=400), Reason.QUIET_HOURS, told_at=NOW, announced=True, held=None),
        ),
        spent={"acme": 3_500 * MICRO, "corp": 12 * MICRO, UNATTRIBUTED: 4 * MICRO},
        undelivered={"ops": 1, "bolt-team": 2},
        silences=(silence("corp"), silence("", reference="settings", author="settings")),
        plans=(plan(), plan(first=november(20)), plan(first=november(1), last=november(5))),
    )


CASES = {
    "daily": (everything(), {}),
    "quiet": (an_interim(), {"receiver": "bolt-team"}),
    "weekly_unjudged": (
        an_interim(
            since=NOW - 7 * ONE, days=tuple(map(november, range(6, 13))), judged=frozenset()
        ),
        {"schedule": replace(DAILY, every="weekly")},
    ),
    "blind": (an_interim(lasting=(lasting(4, source_stale()),)), {"receiver": "bolt-team"}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_digest_reads_as_its_golden_file(case):
    interim, who = CASES[case]
    text = words(interim, **who) + "\n"
    path = GOLDEN / f"digest_{case}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_a_full_digest_fits_one_screen():
    assert len(words(everything()).splitlines()) <= 45


def test_a_quiet_day_says_so_and_is_calm():
    message = digest_message(an_interim(), reader())
    assert (message.tone, message.title) == ("calm", "daily digest to Thu 12 Nov: all quiet")


def test_open_alerts_are_counted_and_the_oldest_comes_first():
    found = (lasting(9, ago=HOUR), lasting(4, ago=3 * ONE), lasting(5, ago=ONE))
    message = digest_message(an_interim(lasting=found), reader())
    assert message.title.endswith(": 3 alerts need an answer")
    opened = [line.text.split()[0] for line in message.lines if line.label == "Open"]
    assert opened == ["A-4", "A-5", "A-9"]
    assert message.actions[0].command == "spendwatch alerts ack 4"


def test_one_alert_needs_an_answer():
    title = digest_message(an_interim(lasting=(lasting(9),)), reader()).title
    assert title.endswith(": 1 alert needs an answer")


def test_more_than_five_open_alerts_are_counted():
    text = words(an_interim(lasting=tuple(lasting(number) for number in range(1, 1_010))))
    assert "and 1,004 more" in text
    assert "A-6 " not in text


def test_what_was_acknowledged_and_forgotten_is_listed_the_oldest_answer_first():
    found = tuple(lasting(number, state=ACKNOWLEDGED) for number in (4, 5))
    answers = replied(4, ago=ONE) | replied(5, ago=40 * ONE)
    lines = digest_message(an_interim(lasting=found, answers=answers), reader()).lines
    said = [line.text for line in lines if line.label == "On it"]
    assert [text.split()[0] for text in said] == ["A-5", "A-4"]
    assert said[0].endswith("acknowledged by alice 40 days ago")


def test_an_acknowledgement_without_its_answer_is_listed_all_the_same():
    text = words(an_interim(lasting=(lasting(4, state=ACKNOWLEDGED),)))
    assert "; acknowledged 1 day ago" in " ".join(text.split())


def test_what_is_answered_and_lasts_is_in_hand_and_not_all_quiet():
    found = (lasting(4, state=ACKNOWLEDGED), lasting(5, state=SNOOZED, snoozed_until=NOW + ONE))
    message = digest_message(an_interim(lasting=found), reader())
    assert message.title.endswith(": 2 in hand")
    assert message.tone == "calm"


@pytest.mark.parametrize("severity", Severity)
def test_a_digest_is_as_grave_as_the_gravest_alert_that_is_open(severity):
    found = (
        lasting(3, spike(severity=Severity.NOTICE)),
        lasting(4, spike(severity=severity)),
        lasting(5, spike(severity=Severity.CRITICAL), state=ACKNOWLEDGED),
    )
    assert digest_message(an_interim(lasting=found), reader()).tone == severity.value


def test_a_critical_alert_that_is_held_back_is_open_and_never_calm():
    silent = held(4, spike(severity=Severity.CRITICAL))
    found = an_interim(lasting=(silent.alert,), held=(silent,))
    assert digest_message(found, reader()).tone == "critical"


def test_a_warning_about_the_data_does_not_hide_a_critical_alert():
    found = an_interim(lasting=(lasting(4),), undelivered={"ops": 1})
    assert digest_message(found, reader()).tone == "critical"


def test_a_snooze_is_listed_with_its_end_and_one_that_is_over_is_open():
    found = tuple(
        lasting(number, state=SNOOZED, snoozed_until=NOW + more)
        for number, more in ((4, ONE), (5, -HOUR))
    )
    lines = digest_message(an_interim(lasting=found), reader()).lines
    said = {line.label: line.text for line in lines}
    assert said["Snoozed"].endswith(", until 14 Nov 06:10 UTC")
    assert said["Open"].startswith("A-5 ")


def test_what_was_held_back_is_counted_by_reason_with_the_dearest_first():
    found = (
        held(4, spike(actual=500)),
        held(5, spike(actual=800)),
        held(6, reason=Reason.LEARNING),
    )
    message = digest_message(an_interim(held=found), reader())
    assert message.title.endswith(": 3 held back")
    lines = [line.text for line in message.lines]
    assert "2 silenced, 1 learning" in lines
    assert [text.split()[0] for text in lines if text.startswith("A-")] == ["A-6", "A-5", "A-4"]


def test_what_was_told_after_its_quiet_hours_is_not_held_back_any_more():
    told = held(4, reason=Reason.QUIET_HOURS, told_at=NOW, announced=True, held=None)
    message = digest_message(an_interim(held=(told,)), reader())
    assert message.title.endswith("all quiet")
    assert "Held back" not in [line.label for line in message.lines]


def test_worse_news_held_back_after_the_first_was_told_is_held_back():
    first_told = NOW - 2 * HOUR
    worse = held(4, told_at=first_told, announced=True)
    message = digest_message(an_interim(held=(worse,), lasting=(worse.alert,)), reader())
    assert message.title.endswith(": 1 alert needs an answer, 1 held back")


def test_what_is_held_back_since_an_earlier_digest_is_still_named():
    silent = an_alert(number=8, announced=False, told_at=None, held=Reason.SILENCED)
    message = digest_message(an_interim(lasting=(silent,)), reader())
    assert message.title.endswith(": 1 held back")
    assert not [line for line in message.lines if line.label == "Open"]


def test_what_nobody_was_told_of_is_not_said_to_have_come_and_gone():
    over = held(4, ended=True, state=AlertState.RESOLVED, held=None)
    told = an_alert(number=5, ended=True, state=AlertState.RESOLVED)
    text = words(an_interim(held=(over,), ended=(over.alert, told)))
    assert "came and went: 1 spend spike" in text
    assert "(silenced, over)" in text


@pytest.mark.parametrize(
    ("changes", "title", "line"),
    [
        (
            {"since": None, "days": (), "judged": frozenset()},
            "NO DAY WAS EVER JUDGED",
            "nothing yet",
        ),
        ({"judged": frozenset()}, "NO DAY WAS JUDGED since 12 Nov 06:10 UTC", "NOT 12 Nov"),
        (
            {"days": (november(10), november(11), DAY)},
            "2 of 3 days not judged",
            "1 day: 12 Nov; NOT 10 and 11 Nov",
        ),
    ],
)
def test_a_day_that_was_not_judged_is_never_all_quiet(changes, title, line):
    message = digest_message(an_interim(**changes), reader())
    assert title in message.title
    assert "all quiet" not in message.title
    assert line in {line.label: line.text for line in message.lines}["Judged"]
    assert message.tone == "warning"
    assert message.actions[0].command == "spendwatch once"


def test_where_no_day_had_to_be_judged_it_is_quiet():
    message = digest_message(an_interim(days=(), judged=frozenset()), reader())
    assert message.title == "daily digest: all quiet"
    assert "no day had to be" in [line.text for line in message.lines]


def test_fault_23_where_a_source_is_silent_nobody_reads_all_quiet():
    failing = about_source(FindingKind.SOURCE_FAILING, DAY, {"source": "gateway", "error": "x"})
    found = (lasting(4, source_stale()), lasting(5, failing, state=ACKNOWLEDGED))
    for receiver in ("ops", "bolt-team"):
        message = digest_message(an_interim(lasting=found), reader(receiver))
        assert ": no usage from 2 sources" in message.title
        # One of them is critical, open, and asked of the first alone.
        assert message.tone == ("critical" if receiver == "ops" else "warning")
    text = words(an_interim(lasting=found), receiver="bolt-team")
    assert "missing: A-4 source gateway: silent" in text
    # Whoever is asked for an answer reads of it there, and only of the others here.
    own = words(an_interim(lasting=found))
    assert "missing: A-4" not in own
    assert "missing: A-5" in own


def test_messages_that_were_given_up_are_counted_for_who_was_to_get_them():
    lost = an_interim(undelivered={"ops": 1, "bolt-team": 2})
    assert "3 messages not delivered" in digest_message(lost, reader()).title
    own = digest_message(lost, reader("bolt-team"))
    assert "2 messages not delivered" in own.title
    assert "ops" not in render_text(own, colour=False)
    assert "spendwatch outbox list --state dead" in render_text(own, colour=False)


def test_fault_94_a_digest_shows_the_receivers_own_tenants_alone():
    bolts = replace(
        everything(),
        lasting=(*everything().lasting, lasting(31, spike(tenant="bolt"))),
        ended=(*everything().ended, an_alert(spike(tenant="bolt"), number=32, ended=True)),
        held=(*everything().held, held(33, spike(tenant="bolt"))),
        spent={**everything().spent, "bolt": 77 * MICRO},
        unpriced=frozenset({"acme"}),
        silences=(silence("bolt"), silence("ac*"), silence("acme")),
        plans=(plan("bolt"), plan("acme")),
    )
    theirs, rest = words(bolts, receiver="bolt-team"), words(bolts)
    assert "Acme" not in theirs
    assert "acme" not in theirs
    assert "Corp" not in theirs
    assert "$77 by 1 tenant\n" in theirs
    assert "Bolt" not in rest
    assert "$77" not in rest
    assert "at least $3,5" in rest


@pytest.mark.parametrize(
    ("pattern", "receiver", "seen"),
    [
        ("bo*", "bolt-team", True),
        ("ac*", "bolt-team", False),
        ("*", "bolt-team", True),
        ("", "bolt-team", True),
        ("bolt", "ops", False),
        ("ac*", "ops", True),
        ("new-*", "ops", True),
    ],
)
def test_a_silence_is_named_to_whom_it_concerns(pattern, receiver, seen):
    own = only_of(reader(receiver), an_interim(silences=(silence(pattern),)))
    assert bool(own.silences) is seen


def test_a_silence_says_what_it_is_for():
    critical = silence("", kind=None, severity=Severity.CRITICAL, comment="")
    text = words(an_interim(silences=(critical, silence())))
    assert "S-3: every critical alert until 14 Nov 06:10 UTC, by ana\n" in text
    assert "S-3: every spend spike of Acme until 14 Nov 06:10 UTC, by ana: load test" in text


def test_only_plans_of_today_are_named():
    tomorrow, today = november(14), november(13)
    plans = (plan(first=tomorrow), plan(first=today, last=today, reference="P-7"), plan(last=DAY))
    text = words(an_interim(plans=plans))
    assert text.count("up to $500 a day") == 1
    assert "P-7: Acme up to $500 a day until Fri 13 Nov, by ana: launch" in text


def test_fault_92_hostile_names_and_texts_stay_inert():
    evil = "x\u202e\x1b[31m\n<!channel>"
    interim = an_interim(
        lasting=(lasting(4, state=ACKNOWLEDGED),),
        answers={4: replace(a_reply(actor=evil), alert_number=4)},
        silences=(silence(comment=evil, author=evil),),
        plans=(plan(comment=evil),),
        undelivered={evil: 1},
    )
    message = digest_message(interim, reader(names={"acme": evil}))
    said = [message.title, message.reference, *(line.text for line in message.lines)]
    assert not any(sign in text for text in said for sign in "\u202e\x1b\n")


def test_a_receiver_without_a_digest_can_look_at_one():
    off = digest_message(an_interim(), reader(schedule=replace(DAILY, every="off")))
    assert (off.title, off.reference) == ("digest to Thu 12 Nov: all quiet", "for ops")


@pytest.mark.parametrize(
    ("passed", "said"),
    [(timedelta(minutes=59), "under an hour"), (HOUR, "1 hour"), (47 * HOUR, "1 day")],
)
def test_an_age_is_told_in_days_or_hours(passed, said):
    assert age(NOW - passed, NOW) == said


def at(day, hour, minute=0, month=11):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        (at(13, 7, 59), None),
        (at(13, 8), date(2026, 11, 13)),
        (at(14, 7, 59), date(2026, 11, 13)),
        (at(20, 12), date(2026, 11, 20)),
    ],
)
def test_of_missed_digests_only_the_newest_is_due(now, due):
    assert due_day(DAILY, at(12, 8), now) == due


def test_a_weekly_digest_is_due_on_its_day_alone():
    weekly = Schedule("weekly", time(8), UTC_ZONE, weekday=0)
    assert due_day(weekly, at(9, 8), at(16, 7)) is None
    assert due_day(weekly, at(9, 8), at(16, 8)) == date(2026, 11, 16)
    assert due_day(weekly, at(9, 8), at(22, 23)) == date(2026, 11, 16)
    assert weekly.newest(at(16, 7))[0] == date(2026, 11, 9)


def test_nothing_is_due_where_nothing_was_judged_or_the_digest_is_off():
    assert due_day(DAILY, None, at(13, 9)) is None
    assert due_day(replace(DAILY, every="off"), at(10, 8), at(13, 9)) is None


def test_nothing_is_due_before_the_first_moment_after_the_first_judgement():
    assert due_day(DAILY, at(13, 8, 30), at(14, 7)) is None
    assert due_day(DAILY, at(13, 8, 30), at(14, 8)) == date(2026, 11, 14)


def test_the_moment_is_in_the_receivers_own_zone():
    tokyo = Schedule("daily", time(8), ZoneInfo("Asia/Tokyo"))
    assert tokyo.newest(at(12, 23)) == (date(2026, 11, 13), at(12, 23))


def test_fault_47_a_moment_that_the_clocks_leave_out_comes_as_much_later():
    half_past_two = Schedule("daily", time(2, 30), BERLIN)
    spring = half_past_two.newest(at(29, 12, month=3))
    assert spring == (date(2026, 3, 29), at(29, 1, 30, month=3))
    assert half_past_two.newest(at(29, 1, 29, month=3))[0] == date(2026, 3, 28)


def test_fault_47_a_moment_that_the_clocks_show_twice_is_one_digest():
    half_past_two = Schedule("daily", time(2, 30), BERLIN)
    first, second = (half_past_two.newest(at(25, hour, 30, month=10)) for hour in (0, 1))
    assert first == second == (date(2026, 10, 25), at(25, 0, 30, month=10))
