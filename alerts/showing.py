"""The messages that stand for alerts are kept as the alerts are, whoever or whatever moved them.

Nothing is written for this: a message is stale as soon as its alert has moved on, and to change it
twice does no harm. So the newest state is all that is ever shown, and a crash repeats at most one
change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts import outbox, postings, store
from alerts.backoff import Spread, next_try
from alerts.channels.base import as_channel_error
from alerts.messages import alert_message, reposted_message
from alerts.model import AlertState, Change, Reason
from alerts.notice import Notification
from alerts.replies import teaches

if TYPE_CHECKING:
    from alerts.channels.base import Channel, ChannelError
    from alerts.model import Alert, Teaching
    from alerts.postings import Stale

    Transaction = Callable[[], AbstractContextManager[Session]]

SELDOM = timedelta(days=1)
"""Between two tries of what the other side refuses for good."""
APART = timedelta(seconds=3)
"""Between two changes of one message that no person made."""


@dataclass(frozen=True, slots=True)
class Known:
    """What it takes to say how an alert stands: names by tenant, and what answers teach."""

    names: Mapping[str, str]
    teaching: Teaching


@dataclass(frozen=True, slots=True)
class Showing:
    """What keeping messages up to date needs; ``known`` is asked in the same transaction."""

    reading: Transaction
    writing: Transaction
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    known: Callable[[Session], Known]
    spread: Spread = max
    apart: timedelta = APART

    def show(
        self,
        number: int | None = None,
        stopping: Callable[[], bool] = lambda: False,
        since: datetime | None = None,
    ) -> tuple[int, tuple[str, ...]]:
        """Change what is stale, of one alert or of all; return how many were, and what failed.

        ``since`` looks only at the alerts that have changed since then, which takes no time.
        """
        now = self.clock()
        with self.reading() as session:
            waiting = postings.stale(
                session, now, self.apart, self.channels.keys(), number=number, since=since
            )
        shown, errors = 0, []
        for each in waiting:
            channel = self.channels[each.receipt.receiver]
            if stopping():
                break
            if channel.wait_s(edit=True, answered=each.answered):
                continue
            try:
                shown += self._show(each, channel)
            except Exception as caught:  # noqa: BLE001 - what cannot be shown must not stop others
                error = as_channel_error(caught)
                errors.append(f"A-{each.alert_number}: {error}")
                self._failed(each, error)
        return shown, tuple(errors)

    def _show(self, stale: Stale, channel: Channel) -> bool:
        with self.writing() as session:
            alert = store.get_alert(session, stale.alert_number)
            if alert is None or not postings.is_as_it_was(session, stale):
                return False  # somebody else has just shown it
            now_so = present(session, alert, stale.receipt.receiver, self.known(session))
        channel.update(stale.receipt, now_so)
        with self.writing() as session:
            postings.record_shown(session, stale, now_so.revision, self.clock())
        return True

    def _failed(self, stale: Stale, error: ChannelError) -> None:
        """Try again later; what a person removed is told once more, unless it is over."""
        now = self.clock()
        due_at = next_try(now, now, stale.attempts + 1, self.spread, error.retry_after_s)
        if error.permanent:
            due_at = now + SELDOM  # a person who answers is shown it at once, if that can be
        with self.writing() as session:
            if error.gone:
                postings.forget(session, stale.alert_number, stale.receipt)
                self._tell_again(session, stale)
            else:
                postings.record_not_shown(session, stale, str(error), due_at or now)

    def _tell_again(self, session: Session, stale: Stale) -> None:
        alert = store.get_alert(session, stale.alert_number)
        if alert is None or alert.ended or alert.state is AlertState.DISMISSED:
            return
        told = present(session, alert, stale.receipt.receiver, self.known(session))
        key = f"again:{alert.fingerprint}:{told.receiver}"
        message = reposted_message(told.message)
        outbox.add_once(session, replace(told, key=key, message=message, created_at=self.clock()))


def present(session: Session, alert: Alert, receiver: str, known: Known) -> Notification:
    """Return how an alert stands now, for the message that stands for it."""
    number = alert.number
    reply = store.newest_answers(session, [number]).get(number)
    effect = teaches(alert, reply, known.teaching) if reply else ""
    message = alert_message(alert, _present(alert), known.names, reply=reply, effect=effect)
    return Notification(
        key=f"{alert.fingerprint}:{alert.revision}:{receiver}",
        alert_number=number,
        receiver=receiver,
        reason=Reason.NEW,
        message=message,
        created_at=alert.updated_at,
        revision=alert.revision,
    )


def _present(alert: Alert) -> Change:
    if alert.state is not AlertState.RESOLVED:
        return Change.UNCHANGED
    return Change.RESOLVED if alert.abnormal else Change.WITHDRAWN
