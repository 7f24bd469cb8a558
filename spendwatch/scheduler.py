"""APScheduler as a mere metronome: what is due, the ticks find out themselves."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import UTC
from functools import partial
from threading import Condition, Event, Thread
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from spendwatch.watchdog import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


TICK_S = 5
_EVERY_S = {"heartbeat": 10, "slack": 10, "deliver": 2, "show": 1, "keep": 60, "verify": 10}
_LOOK_EVERY_S, _SET_BY_S = 1.0, 2.0
"""How often the clock is looked at, and by how much it is off where somebody set it."""


class Scheduler:
    """Ticks at once, then ever again; one that still runs is not ticked a second time.

    APScheduler waits for a time of day, and would wait for hours where the clock is set back. So
    everything is ticked at once whenever the clock was set, and goes on from there.
    """

    def __init__(
        self, ticks: Mapping[str, Callable[[], None]], clock: Callable[[], datetime]
    ) -> None:
        # That a long tick was not ticked again meanwhile is as it should be, and no warning.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        # A thread for each tick: one that hangs takes none from the others.
        executor = ThreadPoolExecutor(len(ticks))
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": executor},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._clock, self._ended = clock, Event()
        self._running, self._ended_ticks = Counter[str](), Counter[str]()
        self._idle = Condition()
        self._every_s = {name: _EVERY_S.get(name.partition(" ")[0], TICK_S) for name in ticks}
        for name, tick in ticks.items():
            self._scheduler.add_job(
                self._counted(name, tick),
                "interval",
                seconds=self._every_s[name],
                id=name,
                next_run_time=clock(),
            )

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()
        Thread(target=self._follow_clock, name="clock", daemon=True).start()

    def watched(self) -> tuple[Watched, ...]:
        """Return each tick, for the watchdog; one that takes long is at work, not dead."""
        return tuple(
            Watched(f"the tick {name}", partial(self._pulse, name), every_s)
            for name, every_s in self._every_s.items()
        )

    def stop(self, grace_s: float) -> bool:
        """Tick no more; whether all that ran has ended within the grace."""
        self._ended.set()
        self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: not self._running.total(), grace_s)

    def _pulse(self, name: str) -> int | None:
        return None if self._running[name] else self._ended_ticks[name]

    def _follow_clock(self) -> None:
        offset_s = self._offset_s()
        while not self._ended.wait(_LOOK_EVERY_S):
            before_s, offset_s = offset_s, self._offset_s()
            if abs(offset_s - before_s) < _SET_BY_S:
                continue
            for job in self._scheduler.get_jobs():
                job.modify(next_run_time=self._clock())

    def _offset_s(self) -> float:
        """Return how far the clock is ahead of one that nobody can set."""
        return self._clock().timestamp() - time.monotonic()

    def _counted(self, name: str, tick: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with self._idle:
                self._running[name] += 1
            try:
                tick()
            finally:
                with self._idle:
                    self._running[name] -= 1
                    self._ended_ticks[name] += 1
                    self._idle.notify_all()

        return run
