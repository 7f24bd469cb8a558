"""The web server as `spendwatch run` has it: the address at first, the rest once all of it runs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from spendwatch.db import PERSON_WAIT_MS, connect_again
from spendwatch.watchdog import Watchdog, Watched
from spendwatch.web.building import Parts, build_web
from spendwatch.web.server import Server, bind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import FilteringBoundLogger

    from spendwatch.app import App
    from spendwatch.slack.taking import Hands

DOUBT_S = 30.0
"""What has not moved for so long is told by /healthz: before the watchdog ends the process."""


@dataclass(slots=True)
class Vitals:
    """What was last found not to move any more."""

    watchdog: Watchdog
    stuck: str = field(default="")

    def look(self) -> None:
        """Look again; as often as the loop of the server turns."""
        self.stuck = self.watchdog.look()


class Web:
    """Has the address from the beginning, so that a busy one is found before anything is done."""

    def __init__(self, app: App, hands: Hands | None, log: FilteringBoundLogger) -> None:
        self._socket = bind(app.settings.web)
        self._app = replace(app, engine=connect_again(app.engine, wait_ms=PERSON_WAIT_MS))
        self._hands, self._log = hands, log
        self._server: Server | None = None

    def start(self, watched: Sequence[Watched]) -> Watched:
        """Serve; return the loop, for the watchdog."""
        vitals = Vitals(Watchdog(watched, monotonic, DOUBT_S))
        parts = Parts(self._app, self._log, monotonic, lambda: vitals.stuck, self._hands)
        self._server = Server(
            build_web(parts),
            self._socket,
            self._app.settings.web,
            self._log,
            on_beat=vitals.look,
            at_end=self._hands.end if self._hands else lambda: None,
        )
        self._server.start()
        return self._server.watched()

    def ask_to_end(self) -> None:
        """Take no more requests; does not wait."""
        if self._server:
            self._server.ask_to_end()

    def stop(self) -> bool:
        """Serve no more; whether all that was begun has ended in time."""
        idle = self._server.stop() if self._server else True
        self._socket.close()
        self._app.engine.dispose()
        return idle
