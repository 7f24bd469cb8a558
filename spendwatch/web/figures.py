"""What Prometheus is told beyond how the service stands: counts that the database holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlmodel import col

from alerts.model import AlertState
from alerts.outbox_queries import NotificationState
from alerts.tables import ALERT, NOTIFICATION, ReplyRow
from detector.tables import PULL
from spendwatch.db import reading
from spendwatch.disk import kept_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlmodel import Session

    from spendwatch.app import App

_STATE = NotificationState
WAITING = (_STATE.NEW, _STATE.RETRY, _STATE.SENDING)
_ON_THE_WAY_OR_SENT = (_STATE.SENDING.value, _STATE.SENT.value)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts, by what they are labelled with; no tenant is named anywhere.

    Attributes
    ----------
    pulled_at : mapping of str to datetime
        When each source last answered a pull, by source.
    outbox : mapping of (str, str) to int
        Messages by state and receiver, those that were sent too.
    failed_tries : mapping of str to int
        Tries to send that did not succeed, by receiver.
    oldest_at : datetime or None
        When the oldest message was written that is still to be sent.
    open_alerts : mapping of (str, str) to int
        Alerts that nobody has answered and that last, by kind and severity.
    answers : mapping of str to int
        All answers ever given, by verb.
    free_bytes : int or None
        Room on the disk of the database; None where that cannot be seen.
    """

    pulled_at: Mapping[str, datetime]
    outbox: Mapping[tuple[str, str], int]
    failed_tries: Mapping[str, int]
    oldest_at: datetime | None
    open_alerts: Mapping[tuple[str, str], int]
    answers: Mapping[str, int]
    free_bytes: int | None


def read_figures(app: App) -> Figures:
    """Count everything, in one look at the database."""
    with reading(app.engine) as session:
        outbox, tries = _outbox(session)
        return Figures(
            pulled_at=_pulled_at(session),
            outbox=outbox,
            failed_tries=tries,
            oldest_at=_oldest_at(session),
            open_alerts=_open_alerts(session),
            answers=_answers(session),
            free_bytes=_free_bytes(app),
        )


def _pulled_at(session: Session) -> dict[str, datetime]:
    well = (PULL.c.ended_at.is_not(None), PULL.c.error == "")
    query = select(PULL.c.source, func.max(PULL.c.ended_at)).where(*well).group_by(PULL.c.source)
    return {str(source): at for source, at in session.connection().execute(query)}


def _outbox(session: Session) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    table = NOTIFICATION.c
    counts = (func.count(), func.coalesce(func.sum(table.attempts), 0))
    query = select(table.state, table.receiver, counts[0], counts[1])
    query = query.group_by(table.state, table.receiver)
    outbox: dict[tuple[str, str], int] = {}
    tries: dict[str, int] = {}
    for state, receiver, many, attempts in session.connection().execute(query):
        outbox[str(state), str(receiver)] = int(many)
        well = int(many) if state in _ON_THE_WAY_OR_SENT else 0
        tries[receiver] = tries.get(receiver, 0) + max(0, int(attempts) - well)
    return outbox, tries


def _oldest_at(session: Session) -> datetime | None:
    waiting = NOTIFICATION.c.state.in_([each.value for each in WAITING])
    query = select(func.min(NOTIFICATION.c.created_at)).where(waiting)
    oldest: datetime | None = session.connection().execute(query).scalar()
    return oldest


def _open_alerts(session: Session) -> dict[tuple[str, str], int]:
    table = ALERT.c
    lasts = (table.state == AlertState.OPEN.value, table.ended.is_(False))
    query = select(table.kind, table.severity, func.count()).where(*lasts)
    rows = session.connection().execute(query.group_by(table.kind, table.severity))
    return {(str(kind), str(severity)): int(many) for kind, severity, many in rows}


def _answers(session: Session) -> dict[str, int]:
    verb = col(ReplyRow.verb)
    query = select(verb, func.count()).group_by(verb)
    return {str(verb): int(many) for verb, many in session.connection().execute(query)}


def _free_bytes(app: App) -> int | None:
    try:
        return shutil.disk_usage(kept_in(app.settings)).free
    except OSError:
        return None
