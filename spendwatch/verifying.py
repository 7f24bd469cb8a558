"""Who watches the watcher: what the service did is audited, and only then its heartbeat is sent.

In a tick of its own: neither an audit nor whoever takes the heartbeat holds up any alert.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from alerts.auditing import evidence
from alerts.channels.outbound_http import OutboundError
from alerts.delivery import LEASE
from spendwatch.db import reading
from spendwatch.outbound import build_outbound
from spendwatch.settings_outbound import host_of
from spendwatch.standing import standing
from spendwatch.verification import Verification, verification_of, write_verification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.typing import FilteringBoundLogger

    from spendwatch.app import App

    Ping = Callable[[], None]

AGAIN_AFTER = timedelta(minutes=1)
"""Where something was wrong, or nobody took the heartbeat, it is looked again so soon."""
_TAKEN = range(200, 300)


def heartbeat_of(app: App) -> Ping | None:
    """Return what sends a heartbeat, which raises OutboundError; None where nobody waits for it.

    Raises ConfigError where it cannot be sent.
    """
    url = app.settings.outbound.heartbeat_url.get_secret_value()
    if not url:
        return None
    http = build_outbound(app.settings)

    def ping() -> None:
        status = http.get(url).status
        if status not in _TAKEN:
            raise OutboundError(f"{host_of(url)} answered HTTP {status}")

    return ping


class Verifier:
    """Audits the service every few minutes, notes what it finds, and sends the heartbeat."""

    def __init__(
        self, app: App, ping: Ping | None, log: FilteringBoundLogger, steady: Callable[[], float]
    ) -> None:
        self._app, self._ping, self._log, self._steady = app, ping, log, steady
        self._due_s = float("-inf")
        self._last: Verification | None = None

    def verify(self, doubt: str) -> None:
        """Audit if it is time, and send the heartbeat where nothing is wrong.

        ``doubt`` is why nothing is judged for now; empty where it is.
        """
        if self._steady() < self._due_s:
            return
        every = timedelta(minutes=self._app.settings.outbound.heartbeat_minutes)
        self._due_s = self._steady() + min(every, AGAIN_AFTER).total_seconds()
        before = self._last or self._noted()
        found = self._found(before, doubt)
        self._tell(before, found)
        write_verification(self._app.engine, found)
        self._last = found
        if not found.wrong and not found.error:
            self._due_s = self._steady() + every.total_seconds()

    def _noted(self) -> Verification:
        with reading(self._app.engine) as session:
            return verification_of(session) or Verification(self._app.clock())

    def _found(self, before: Verification, doubt: str) -> Verification:
        now = self._app.clock()
        wrong = "; ".join(self._shortcomings(doubt))
        if wrong:
            return replace(before, checked_at=now, wrong=wrong, error="")
        good = replace(before, checked_at=now, verified_at=now, wrong="", error="")
        try:
            if self._ping:
                self._ping()
        except OutboundError as error:
            return replace(good, error=str(error))
        return replace(good, confirmed_at=self._app.clock()) if self._ping else good

    def _shortcomings(self, doubt: str) -> Iterator[str]:
        app = self._app
        if doubt:
            yield f"nothing is judged: {doubt}"
        for fault in standing(app).faults():
            if not doubt or doubt not in fault:
                yield fault
        with reading(app.engine) as session:
            found = evidence(session, app.clock(), app.directory.routes.default)
        yield from found.shortcomings(app.clock(), LEASE)

    def _tell(self, before: Verification, found: Verification) -> None:
        """Log what changed, a line each."""
        if found.wrong and found.wrong != before.wrong:
            self._log.error("not_verified", wrong=found.wrong)
        if before.wrong and not found.wrong:
            self._log.info("verified_again", was=before.wrong)
        if found.error and found.error != before.error:
            self._log.warning("heartbeat_unconfirmed", error=found.error)
        if before.error and not found.error and not found.wrong:
            self._log.info("heartbeat_confirmed", was=before.error)
