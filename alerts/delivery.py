"""Notifications that are due go out, each exactly once as far as its channel can tell.

A row is claimed and committed before it is sent, and its receipt is committed after; one that may
have been sent already (a crash, a silent other side) is looked up with ``find`` first, and where
even that fails, or is too early to tell, it is not sent. Nothing is sent within a transaction. What
fails is due again later, ever later for 24 hours; then, or where trying again cannot help, it is a
dead letter: told to the receiver of everything else, and settled by a person.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlmodel import Session

from alerts import outbox, postings, recipients, settling
from alerts.backoff import Spread, asked_wait, next_try
from alerts.channels.base import ChannelError, as_channel_error
from alerts.messages import forwarded_message
from alerts.model import Reason
from alerts.notice import Notification
from alerts.service_words import address_stopped_message

if TYPE_CHECKING:
    from alerts.channels.base import Channel
    from alerts.notice import Receipt

    Transaction = Callable[[], AbstractContextManager[Session]]

LEASE = timedelta(seconds=60)
"""How long a claim is left to the process that made it."""
PATIENCE_S = 20.0
"""How long one delivery may wait for channels that are not ready."""
_STEP_S = 2.0
"""How long it waits before it looks whether anything else can be sent meanwhile."""


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


@dataclass(frozen=True, slots=True)
class Whom:
    """Of whom a delivery is.

    Attributes
    ----------
    forward_to : str
        The receiver that is told what no other could be told; empty for none.
    mine : callable
        Whether it is of a receiver: others are left to others, so that none holds up all.
    """

    forward_to: str = ""
    mine: Callable[[str], bool] = lambda _receiver: True


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
    pause: Callable[[float], object] | None = None,
    whom: Whom = Whom(),
) -> Delivered:
    """Send what is due, oldest first; ``channels`` says how each receiver is reached.

    ``spread`` picks how long to wait after a failure: by default always the longest. Once
    ``stopping`` says so nothing more is begun: nobody is killed half-way through a message.
    ``pause`` waits for channels that may not be used so soon; without it what is for them stays.
    """
    post = _Post(writing, channels, clock, spread, lease, whom)
    outcomes: list[tuple[str, _Outcome]] = []
    patience_s = PATIENCE_S
    while (wait_s := _round(post, outcomes, stopping)) and pause and wait_s <= patience_s:
        step_s = min(wait_s, _STEP_S)
        pause(step_s)
        patience_s -= step_s
    for name, channel in channels.items():
        if whom.mine(name):
            channel.rest()
    with writing() as session:
        undelivered = settling.entries(session, settling.UNDELIVERED)
    counted = Counter(outcome for _, outcome in outcomes)
    sent = tuple(key for key, outcome in outcomes if outcome is _Outcome.SENT)
    return Delivered(len(sent), counted[_Outcome.FOUND], undelivered, sent)


def _round(
    post: _Post, outcomes: list[tuple[str, _Outcome]], stopping: Callable[[], bool]
) -> float:
    """Send what can be sent now; return when the first of the rest can be, 0 where none is left."""
    waits, due = [], deque(post.pending())
    while due:
        each = due.popleft()
        if stopping():
            return 0.0
        if wait_s := post.wait_s(each):
            waits.append(wait_s)
        elif (claimed := post.claim(each.key)) is not None:
            claim, root = claimed
            if post.is_for_several(claim):
                due.extendleft(reversed(post.divided(claim)))
            else:
                outcomes.append((claim.notification.part_of or each.key, post.send(claim, root)))
    return min(waits, default=0.0)


@dataclass(frozen=True, slots=True)
class _Post:
    """What sending one notification needs."""

    writing: Transaction
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    spread: Spread
    lease: timedelta
    whom: Whom

    def pending(self) -> tuple[outbox.Due, ...]:
        """Return what is due."""
        now = self.clock()
        with self.writing() as session:
            due = outbox.pending(session, now, now - self.lease)
        return tuple(each for each in due if self.whom.mine(each.receiver))

    def wait_s(self, due: outbox.Due) -> float:
        """Return for how long something may not be sent; that all is over may change a message."""
        channel = self.channels.get(due.receiver)
        if channel is None:
            return 0.0
        edit_s = channel.wait_s(edit=True) if due.reason is Reason.RESOLVED else 0.0
        return max(channel.wait_s(), edit_s)

    def claim(self, key: str) -> tuple[outbox.Claim, Receipt | None] | None:
        """Claim a message if it is its turn, with what it belongs below.

        That is asked only here: the one before it may just have gone out.
        """
        now = self.clock()
        with self.writing() as session:
            claim = outbox.claim(session, key, now, now - self.lease)
            if claim is None:
                return None
            return claim, postings.root_of(session, claim.notification)

    def is_for_several(self, claim: outbox.Claim) -> bool:
        """Whether each of several people is to get a copy, and nobody the message itself."""
        return bool(self.recipients(claim)) and not claim.notification.recipient

    def recipients(self, claim: outbox.Claim) -> tuple[str, ...]:
        """Return whoever gets a copy of what is for a receiver; empty where that is one."""
        channel = self.channels.get(claim.notification.receiver)
        return channel.recipients if channel else ()

    def divided(self, claim: outbox.Claim) -> tuple[outbox.Due, ...]:
        """Give each of several people a copy, and return what is due by that."""
        receiver = claim.notification.receiver
        with self.writing() as session:
            stopped = recipients.stopped(session, receiver)
            if left := [each for each in self.recipients(claim) if each not in stopped]:
                return outbox.divide(session, claim, left)
        words = f"nobody of {receiver} gets mail any more: all were refused or left out"
        self.failed(claim, ChannelError(words, permanent=True, unsure=False), None)
        return ()

    def send(self, claim: outbox.Claim, root: Receipt | None) -> _Outcome:
        """Send what was claimed, unless it turns out to have been sent before."""
        try:
            channel = self.channel_of(claim.notification)
            found = self.looked_up(channel, claim, root)
        except Exception as error:  # noqa: BLE001 - see _put
            return self.failed(claim, as_channel_error(error), claim.unsure_since)
        if found is not None:
            return self.done(claim, found, _Outcome.FOUND)
        if claim.notification.thread_of and root is None:
            return self.left_out(claim)
        mine: outbox.Claim | None = claim
        if claim.unsure_since or self.clock() - claim.claimed_at >= self.lease:
            mine = self.renewed(claim)  # a look may take long, and a process may be suspended
        return self._put(channel, mine, root) if mine else _Outcome.TAKEN_OVER

    def _put(self, channel: Channel, mine: outbox.Claim, root: Receipt | None) -> _Outcome:
        notification = mine.notification
        try:
            if root and root.stands and notification.reason is Reason.RESOLVED:
                receipt = channel.update(root, notification)
            else:
                receipt = channel.send(notification, root, again=mine.unsure_tries)
        except Exception as caught:  # noqa: BLE001 - a message nobody can send must not stop others
            error = as_channel_error(caught)
            if error.gone and root:
                self.forget(notification, root)
            tried = replace(mine, unsure_tries=mine.unsure_tries + error.unsure)
            return self.failed(tried, error, self.clock() if error.unsure else None)
        return self.done(mine, receipt, _Outcome.SENT)

    def looked_up(
        self, channel: Channel, claim: outbox.Claim, root: Receipt | None
    ) -> Receipt | None:
        """Find what was sent before; raises ChannelError where it is too early to tell."""
        if claim.unsure_since is None:
            return None
        asked_at = self.clock()
        found = channel.find(claim.notification, claim.notification.created_at, root)
        if found is None and asked_at < claim.unsure_since + channel.settles:
            # Counted from this answer on: where the other side stood still, what was sent before
            # the look came only just before its answer.
            words = "it may have been sent, and cannot be seen yet"
            raise ChannelError(words, retry_after_s=channel.settles.total_seconds())
        return found

    def forget(self, notification: Notification, root: Receipt) -> None:
        """Forget the message that stood for an alert: somebody removed it."""
        if notification.alert_number is not None:
            with self.writing() as session:
                postings.forget(session, notification.alert_number, root)

    def channel_of(self, notification: Notification) -> Channel:
        """Return how its receiver is reached; raises ChannelError."""
        channel = self.channels.get(notification.receiver)
        if channel is None:
            known = ", ".join(sorted(self.channels)) or "none"
            words = f"no channel reaches the receiver {notification.receiver!r} (known: {known})"
            raise ChannelError(words, permanent=True, unsure=False)
        return channel

    def renewed(self, claim: outbox.Claim) -> outbox.Claim | None:
        """Make sure that it is still ours to send."""
        with self.writing() as session:
            return outbox.renew(session, claim, self.clock())

    def done(self, claim: outbox.Claim, receipt: Receipt, outcome: _Outcome) -> _Outcome:
        """Note that it went out."""
        with self.writing() as session:
            outbox.record_receipt(session, claim.notification.key, receipt)
            postings.note_posted(session, claim.notification, receipt)
            recipients.note_taken(session, claim.notification)
        return outcome

    def failed(
        self, claim: outbox.Claim, error: ChannelError, unsure_since: datetime | None
    ) -> _Outcome:
        """Note why it did not go out, and when it is due again, if ever."""
        now, asked = self.clock(), asked_wait(error.retry_after_s)
        due_at = next_try(now, claim.since, claim.attempts, self.spread, error.retry_after_s)
        last_resort = claim.notification.receiver == self.whom.forward_to
        if error.permanent and not (error.curable and last_resort):
            due_at = None  # whom everything is told that nobody else can be told is tried again
        with self.writing() as session:
            mine = outbox.record_failure(session, claim, str(error), due_at, unsure_since)
            if mine and due_at is None:
                self.forward(session, claim.notification, str(error))
            if mine and error.nobody_there:
                self.count_refusal(session, claim.notification, str(error))
            if asked and not unsure_since:
                outbox.postpone(session, claim.notification.receiver, now + asked)
        return _Outcome.FAILED

    def left_out(self, claim: outbox.Claim) -> _Outcome:
        """Leave out what makes no sense without what it belongs below."""
        with self.writing() as session:
            outbox.leave_out(session, claim, "what it belongs below was never sent")
        return _Outcome.TAKEN_OVER

    def forward(self, session: Session, lost: Notification, why: str) -> None:
        """Tell the receiver of everything else what another could not be told."""
        is_part = bool(lost.thread_of)
        if self.whom.forward_to in ("", lost.receiver) or is_part:
            return
        message = forwarded_message(lost.message, lost.receiver, why)
        told = replace(
            lost,
            key=f"forward:{lost.key}",
            receiver=self.whom.forward_to,
            recipient="",
            part_of="",
            message=message,
            created_at=self.clock(),
        )
        outbox.add_once(session, told)

    def count_refusal(self, session: Session, refused: Notification, why: str) -> None:
        """Note that an address was refused; say so where it gets nothing any more by that."""
        if recipients.note_refused(session, refused, why, self.clock()) and self.whom.forward_to:
            message = address_stopped_message(refused.receiver, refused.recipient, why)
            key = f"stopped:{refused.receiver}:{refused.recipient}:{refused.key}"
            receiver, now = self.whom.forward_to, self.clock()
            told = Notification(key, None, receiver, Reason.SERVICE, message, now)
            outbox.add_once(session, told)
