"""The time of the local Slack: its seconds may be shorter than ours, its dates are ours."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """Counts Slack's seconds and gives out timestamps that no two messages share."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._begun = self._wall_set = time.monotonic()
        self._wall_us = time.time_ns() // 1000
        self._last_us = 0

    def seconds(self) -> float:
        """How many of Slack's seconds have gone by."""
        return (time.monotonic() - self._begun) * self.speed

    async def sleep(self, seconds: float) -> None:
        """Wait for as many of Slack's seconds."""
        await asyncio.sleep(seconds / self.speed)

    def set_wall(self, epoch_s: float) -> None:
        """Let messages be dated from this moment on."""
        self._wall_us, self._wall_set, self._last_us = int(epoch_s * 1e6), time.monotonic(), 0

    def wall_us(self) -> int:
        """Microseconds since 1970; only dates are read from it, so it runs at our speed."""
        return self._wall_us + int((time.monotonic() - self._wall_set) * 1e6)

    def new_ts(self) -> str:
        """Give a message its timestamp, which is also its name."""
        self._last_us = max(self.wall_us(), self._last_us + 1)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"
