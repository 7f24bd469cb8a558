"""Slack's rate limits: one post a second in a conversation, a number of calls in each minute."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from tests.slack.errors import RateLimitError

if TYPE_CHECKING:
    from tests.slack.clock import Clock
    from tests.slack.state import Settings

MINUTE_S = 60.0
NO_TIME_S = 1e-6
"""Waiting for exactly as long as was asked is waiting for long enough."""
TIERS = {
    "auth.test": 300,
    "apps.connections.open": 50,
    "chat.update": 50,
    "chat.delete": 50,
    "chat.postEphemeral": 100,
    "views.open": 100,
    "views.update": 100,
    "views.push": 100,
    "views.publish": 100,
    "conversations.history": 50,
    "conversations.replies": 50,
    "conversations.info": 50,
    "conversations.open": 50,
    "users.info": 100,
    "usergroups.users.list": 20,
    "files.getUploadURLExternal": 100,
    "files.completeUploadExternal": 100,
    "files.info": 100,
}


class Rates:
    """Counts calls and refuses what comes too often; a refused call is not counted."""

    def __init__(self, clock: Clock, settings: Settings) -> None:
        self._clock, self._settings = clock, settings
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)
        self._allowances: dict[str, tuple[float, float]] = {}
        self.refused: defaultdict[str, int] = defaultdict(int)

    def take_call(self, method: str) -> None:
        """Count a call of a method, or refuse it."""
        if method == "chat.postMessage":
            most = self._settings.workspace_posts_per_minute
        else:
            most = self._settings.per_minute.get(method, TIERS.get(method, 50))
        calls, now = self._calls[method], self._clock.seconds()
        while calls and calls[0] <= now - MINUTE_S + NO_TIME_S:
            calls.popleft()
        if len(calls) >= most:
            self._refuse(method, calls[0] + MINUTE_S - now if calls else MINUTE_S)
        calls.append(now)

    def take_post(self, channel: str) -> None:
        """Count a message of a conversation, or refuse it."""
        rate, burst, now = (
            self._settings.posts_per_second,
            self._settings.burst,
            self._clock.seconds(),
        )
        left, since = self._allowances.get(channel, (burst, now))
        left = min(burst, left + (now - since) * rate)
        if left < 1 - NO_TIME_S:
            self._refuse("chat.postMessage", (1 - left) / rate)
        self._allowances[channel] = (left - 1, now)

    def begin_anew(self) -> None:
        """Let every conversation take as much at once as is set now."""
        self._allowances.clear()

    def _refuse(self, method: str, wait_s: float) -> None:
        self.refused[method] += 1
        raise RateLimitError(wait_s)
