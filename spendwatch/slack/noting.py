"""How Slack stands, found out by the service: whether it is heard, and takes what is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from alerts.channels.slack_account import OTHER, SlackFailure
from spendwatch.slack_standing import UNHEARD_AFTER, SlackStanding, write_slack_standing

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Engine
    from structlog.typing import FilteringBoundLogger

    from alerts.channels.slack_account import SlackAccount
    from spendwatch.slack.listening import Listener

ASK_EVERY_S = 60.0
"""Where nothing is sent, the token is tried so often all the same."""
NOTE_EVERY = timedelta(seconds=60)


class SlackNotes:
    """Finds out how the account stands, and notes it where that changed, or is a minute ago."""

    def __init__(
        self,
        engine: Engine,
        account: SlackAccount,
        listener: Listener | None,
        clock: Callable[[], datetime],
        log: FilteringBoundLogger,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._engine, self._account, self._listener = engine, account, listener
        self._clock, self._steady, self._log = clock, steady, log
        self._tried_s = float("-inf")
        self._last: SlackStanding | None = None
        self._said_deaf = False

    def note(self) -> None:
        """Look, and write down what is new."""
        self._try_token()
        before, now = self._last, self._clock()
        found = self._found(now, before or SlackStanding(now))
        self._tell(before or SlackStanding(now), found)
        same = before and replace(found, noted_at=before.noted_at, answered_at=before.answered_at)
        if before and same == before and abs(now - before.noted_at) < NOTE_EVERY:
            return
        write_slack_standing(self._engine, found)
        self._last = found

    def _try_token(self) -> None:
        """Ask whether the token is accepted, where nothing else has asked for a minute."""
        answered_s = self._account.answered_s
        newest_s = max(self._tried_s, float("-inf") if answered_s is None else answered_s)
        due = self._account.refused or self._steady() >= newest_s + ASK_EVERY_S
        if not due or self._account.wait_s(OTHER) > 0:
            return
        self._tried_s = self._steady()
        try:
            self._account.call(OTHER, "auth_test")
        except SlackFailure as failure:
            if not self._account.refused:  # which is told once, by what changed
                self._log.warning("slack_unanswered", error=str(failure))

    def _found(self, now: datetime, before: SlackStanding) -> SlackStanding:
        refused, answered_s = self._account.refused, self._account.answered_s
        listens, hears = self._listener is not None, bool(self._listener and self._listener.hears)
        ago_s = None if answered_s is None else self._steady() - answered_s
        return SlackStanding(
            noted_at=now,
            connected_since=(before.connected_since or now) if hears else None,
            deaf_since=(before.deaf_since or now) if listens and not hears else None,
            answered_at=None if ago_s is None else now - timedelta(seconds=ago_s),
            refused=refused,
            refused_since=(before.refused_since or now) if refused else None,
        )

    def _tell(self, before: SlackStanding, found: SlackStanding) -> None:
        """Log what changed for whoever sends and answers."""
        if found.refused and not before.refused:
            self._log.error("slack_refused", error=found.refused)
        if before.refused and not found.refused:
            self._log.info("slack_accepted", was=before.refused)
        deaf = found.deaf_for(found.noted_at) > UNHEARD_AFTER
        if deaf and found.deaf_since and not self._said_deaf:
            self._log.error("slack_deaf", since=found.deaf_since.isoformat())
        if self._said_deaf and found.connected_since and before.deaf_since:
            self._log.info("slack_heard_again", deaf_since=before.deaf_since.isoformat())
        self._said_deaf = deaf
