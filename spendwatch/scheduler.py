"""APScheduler as a mere metronome: what is due, the ticks find out themselves."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import UTC
from threading import Condition
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


TICK_S = 5
_EVERY_S = {"heartbeat": 10, "deliver": 2, "keep": 60}


class Scheduler:
    """Ticks at once, then ever again; one that still runs is not ticked a second time."""

    def __init__(self, ticks: Mapping[str, Callable[[], None]], now: datetime) -> None:
        # That a long tick was not ticked again meanwhile is as it should be, and no warning.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        # A thread for each tick: one that hangs takes none from the others.
        executor = ThreadPoolExecutor(len(ticks))
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": executor},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        self._running = Counter[str]()
        self._idle = Condition()
        for name, tick in ticks.items():
            self._scheduler.add_job(
                self._counted(name, tick),
                "interval",
                seconds=_EVERY_S.get(name, TICK_S),
                id=name,
                next_run_time=now,
            )

    def start(self) -> None:
        """Begin to tick."""
        self._scheduler.start()

    def stop(self, grace_s: float) -> bool:
        """Tick no more; whether all that ran has ended within the grace."""
        self._scheduler.shutdown(wait=False)
        with self._idle:
            return self._idle.wait_for(lambda: not self._running.total(), grace_s)

    def _counted(self, name: str, tick: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            with self._idle:
                self._running[name] += 1
            try:
                tick()
            finally:
                with self._idle:
                    self._running[name] -= 1
                    self._idle.notify_all()

        return run
