"""Notifications that are due go out, each exactly once as far as its channel can tell.

A row is claimed and committed before it is sent, and its receipt is committed after; a row that
was claimed before (a crash, an error) is looked up with ``find`` first, and where even that fails
it is not sent. Nothing is sent within a transaction. What fails is due again later, ever later
for 24 hours; then, or where trying again cannot help, it is a dead letter that a person settles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts import outbox, settling
from alerts.backoff import Spread, asked_wait, next_try
from alerts.channels.base import ChannelError

if TYPE_CHECKING:
    from alerts.channels.base import Channel
    from alerts.model import Notification, Receipt

    Transaction = Callable[[], AbstractContextManager[Session]]

LEASE = timedelta(seconds=60)
"""How long a claim is left to the process that made it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one delivery did.

    ``found`` counts what an earlier one had sent without living to note it; ``undelivered`` is
    all that was tried, now or before, and has not gone out: due again later, or given up.
    ``keys`` name what it sent.
    """

    sent: int = 0
    found: int = 0
    undelivered: tuple[settling.Entry, ...] = ()
    keys: tuple[str, ...] = ()


class _Outcome(Enum):
    SENT = auto()
    FOUND = auto()
    FAILED = auto()
    TAKEN_OVER = auto()


def deliver(
    writing: Transaction,
    channels: Mapping[str, Channel],
    clock: Callable[[], datetime],
    spread: Spread = max,
    lease: timedelta = LEASE,
    stopping: Callable[[], bool] = lambda: False,
) -> Delivered:
    """Send what is due, oldest first; ``channels`` says how each receiver is reached.

    ``spread`` picks how long to wait after a failure: by default always the longest. Once
    ``stopping`` says so nothing more is begun: nobody is killed half-way through a message.
    """
    post = _Post(writing, channels, clock, spread, lease)
    with writing() as session:
        keys = outbox.pending_keys(session, clock(), clock() - lease)
    outcomes: list[tuple[str, _Outcome]] = []
    for key in keys:
        if stopping():
            break
        now = clock()
        with writing() as session:
            # Whether it is its turn is asked only here: the one before it may just have gone out.
            claim = outbox.claim(session, key, now, now - lease)
        if claim is not None:
            outcomes.append((key, post.send(claim)))
    with writing() as session:
        undelivered = settling.entries(session, settling.UNDELIVERED)
    counted = Counter(outcome for _, outcome in outcomes)
    sent = tuple(key for key, outcome in outcomes if outcome is _Outcome.SENT)
    return Delivered(len(sent), counted[_Outcome.FOUND], undelivered, sent)


@dataclass(frozen=True, slots=True)
class _Post:
    """What sending one notification needs."""

    writing: Transaction
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    spread: Spread
    lease: timedelta

    def send(self, claim: outbox.Claim) -> _Outcome:
        """Send what was claimed, unless it turns out to have been sent before."""
        mine: outbox.Claim | None = claim
        try:
            channel = self.channel_of(claim.notification)
            if claim.again:
                found = channel.find(claim.notification.key)
                if found is not None:
                    return self.done(claim, found, _Outcome.FOUND)
            if claim.again or self.clock() - claim.claimed_at >= self.lease:
                mine = self.renewed(claim)  # a look may take long, and a process may be suspended
            if mine is None:
                return _Outcome.TAKEN_OVER
            receipt = channel.send(mine.notification)
        except ChannelError as error:
            self.failed(mine or claim, error)
            return _Outcome.FAILED
        except Exception as error:  # noqa: BLE001 - a message nobody can send must not stop others
            words = f"a fault of the program: {type(error).__name__}: {error}"
            self.failed(mine or claim, ChannelError(words))
            return _Outcome.FAILED
        return self.done(mine, receipt, _Outcome.SENT)

    def channel_of(self, notification: Notification) -> Channel:
        """Return how its receiver is reached; raises ChannelError."""
        channel = self.channels.get(notification.receiver)
        if channel is None:
            known = ", ".join(sorted(self.channels)) or "none"
            raise ChannelError(
                f"no channel reaches the receiver {notification.receiver!r} (known: {known})",
                permanent=True,
            )
        return channel

    def renewed(self, claim: outbox.Claim) -> outbox.Claim | None:
        """Make sure that it is still ours to send."""
        with self.writing() as session:
            return outbox.renew(session, claim, self.clock())

    def done(self, claim: outbox.Claim, receipt: Receipt, outcome: _Outcome) -> _Outcome:
        """Note that it went out."""
        with self.writing() as session:
            outbox.record_receipt(session, claim.notification.key, receipt)
        return outcome

    def failed(self, claim: outbox.Claim, error: ChannelError) -> None:
        """Note why it did not go out, and when it is due again, if ever."""
        now, asked = self.clock(), asked_wait(error.retry_after_s)
        due_at = next_try(now, claim.since, claim.attempts, self.spread, error.retry_after_s)
        with self.writing() as session:
            outbox.record_failure(session, claim, str(error), None if error.permanent else due_at)
            if asked:
                outbox.postpone(session, claim.notification.receiver, now + asked)
