"""Which digest is due, and what it is about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from alerts import digest_store, outbox, store
from alerts.digest import digest_message
from alerts.interim import Interim, Reader, due_day
from alerts.model import Reason
from alerts.notice import Notification
from detector.history import consecutive_days
from detector.tables import JUDGED_DAY, PULL
from spendwatch import conversion
from spendwatch.db import reading, writing
from spendwatch.situation import display_names, planned_events, silences, tenant_costs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from alerts.notice import Message
    from spendwatch.app import App

LONGEST = timedelta(days=92)
"""How far back a digest looks, also where the last one is longer ago, or there was none."""


@dataclass(frozen=True, slots=True)
class Digest:
    """The digest of one receiver: what it is about, and what it says."""

    reader: Reader
    interim: Interim
    message: Message


def write_digests(app: App) -> tuple[Notification, ...]:
    """Write the digests that are due, each once; those missed before are part of the newest."""
    now = app.clock()
    with reading(app.engine) as session:
        due = _due(app, session, now)
        digests = compose(app, session, tuple(due), now)
    if not digests:
        return ()
    return _write_new(
        app, [_notification(digest, due[digest.reader.receiver], now) for digest in digests]
    )


def _write_new(app: App, notifications: Sequence[Notification]) -> tuple[Notification, ...]:
    """Write what was not written: by another process just now, or earlier the same day."""
    with writing(app.engine) as session:
        known = digest_store.written_keys(session, [each.key for each in notifications])
        fresh = tuple(each for each in notifications if each.key not in known)
        outbox.add_notifications(session, fresh)
    return fresh


def compose(
    app: App, session: Session, receivers: Sequence[str], now: datetime
) -> tuple[Digest, ...]:
    """Say what the digests of these receivers would be now, each since its last one."""
    if not receivers:
        return ()
    schedules, names = conversion.digest_schedules(app.settings), display_names(app, session)
    last = digest_store.last_digests(session)
    # Most receivers had their last digest at the same moment: what happened since is read once.
    interims = {
        since: _interim(app, session, since, now)
        for since in {last.get(receiver) for receiver in receivers}
    }
    digests = []
    for receiver in receivers:
        reader = Reader(receiver, schedules[receiver], app.directory.routes, names)
        interim = interims[last.get(receiver)]
        digests.append(Digest(reader, interim, digest_message(interim, reader)))
    return tuple(digests)


def _due(app: App, session: Session, now: datetime) -> Mapping[str, date]:
    """Return the local day of each receiver's digest that is due; it waits for quiet hours."""
    asleep = {
        receiver
        for receiver, hours in conversion.quiet_hours(app.settings).items()
        if hours.end_after(now)
    }
    begun_at, last = _begun_at(session), digest_store.last_digests(session)
    days = {
        receiver: due_day(schedule, last.get(receiver, begun_at), now)
        for receiver, schedule in conversion.digest_schedules(app.settings).items()
    }
    return {
        receiver: day
        for receiver, day in days.items()
        if day is not None and receiver not in asleep
    }


def _interim(app: App, session: Session, last: datetime | None, now: datetime) -> Interim:
    """Read what happened since the last digest, or ever where there was none."""
    first, judged = _begun_at(session), _judged_days(session)
    since = max(last or now - LONGEST, now - LONGEST)
    begins = since if last else first and max(first, since)
    heard_since = max(since, first or since)  # what was history when it was judged is no news
    days = _days_to_judge(app, judged, since, now)
    spent, unpriced = tenant_costs(app, session, days)
    lasting = digest_store.lasting_alerts(session)
    return Interim(
        since=begins,
        until=now,
        days=days,
        judged=judged.intersection(days),
        lasting=lasting,
        ended=digest_store.alerts_that_came_and_went(session, heard_since),
        held=digest_store.held_back(session, heard_since),
        answers=store.newest_answers(session, [alert.number for alert in lasting]),
        spent=spent,
        unpriced=unpriced,
        undelivered=digest_store.undelivered(session),
        silences=silences(app, session, in_force_at=now),
        plans=planned_events(app, session),
    )


def _days_to_judge(
    app: App, judged: frozenset[date], since: datetime, now: datetime
) -> tuple[date, ...]:
    """Return the days that were settled since then, from the first judged one on."""
    if not judged:
        return ()
    first = max(min(judged), app.last_settled_day(since) + timedelta(days=1))
    return tuple(consecutive_days(first, app.last_settled_day(now)))


def _begun_at(session: Session) -> datetime | None:
    """Return when this installation began to look; None where it has not judged a day yet."""
    judged_at = select(JUDGED_DAY.c.judged_at).order_by(JUDGED_DAY.c.judged_at).limit(1)
    pulled_at = select(PULL.c.started_at).order_by(PULL.c.id).limit(1)
    judged, pulled = (
        session.connection().execute(each).scalar() for each in (judged_at, pulled_at)
    )
    # A day that is judged again is noted anew: the first pull is nearer to the beginning.
    return judged and min(judged, pulled or judged)


def _judged_days(session: Session) -> frozenset[date]:
    return frozenset(session.connection().execute(select(JUDGED_DAY.c.day)).scalars())


def _notification(digest: Digest, day: date, now: datetime) -> Notification:
    receiver = digest.reader.receiver
    return Notification(
        key=_key(receiver, day),
        alert_number=None,
        receiver=receiver,
        reason=Reason.DIGEST,
        message=digest.message,
        created_at=now,
    )


def _key(receiver: str, day: date) -> str:
    return f"digest:{receiver}:{day}"
