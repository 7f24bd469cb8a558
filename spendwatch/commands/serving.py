"""`spendwatch run`: the service, until it is asked to end."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from spendwatch.app import build_channels, slack_of
from spendwatch.commands.opening import open_app
from spendwatch.exits import BUSY
from spendwatch.leading import leading
from spendwatch.logs import logger
from spendwatch.scheduler import Scheduler
from spendwatch.service import Service
from spendwatch.settings_environment import APP_TOKEN
from spendwatch.streams import reserve, standard_output, unburden

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from alerts.channels.base import Channel
    from alerts.channels.slack_account import SlackAccount
    from spendwatch.app import App
    from spendwatch.ending import Ending

GRACE_S = 10.0
"""How long running ticks may take to end; what they have not committed is done again next time."""


def run(config: Path, ending: Ending) -> None:
    """Serve until somebody asks for the end; leaves with 75 where another process leads."""
    reserve()
    app = open_app(config)
    idle = ending.asked.is_set() or _serve(app, ending)
    app.engine.dispose()
    if not idle:
        ending.leave()
    unburden()
    raise SystemExit(ending.code)


def _serve(app: App, ending: Ending) -> bool:
    """Serve; whether everything had ended by the end of the grace."""
    log = logger()
    account = slack_of(app.settings)
    channels = build_channels(app, standard_output(), account)
    with leading(app.engine, "run", app.clock) as leadership, _listening(app, account, channels):
        service = Service(
            app,
            channels,
            leadership,
            log,
            steady=_steady,
            stopping=ending.asked.is_set,
            on_lost=partial(ending.ask, "another process leads", BUSY),
            pause=ending.asked.wait,
        )
        scheduler = Scheduler(service.ticks(), app.clock)
        log.info("service_started", pid=os.getpid(), sources=list(app.source_names))
        scheduler.start()
        ending.asked.wait()
        idle = scheduler.stop(GRACE_S)
    log.info("service_stopped", why=ending.why, idle=idle)
    return idle


@contextmanager
def _listening(
    app: App, account: SlackAccount | None, channels: Mapping[str, Channel]
) -> Iterator[None]:
    """Hear what people answer in Slack, where there is one."""
    if account is None:
        yield
        return
    # Half a second of imports that whoever has no Slack need not wait for.
    from spendwatch.slack.serving import build_desk, build_listener

    log = logger()
    desk = build_desk(app, account, channels, log)
    listener = build_listener(desk, log)
    if listener is None:
        log.warning("slack_not_heard", why=f"{APP_TOKEN} is not set, so no button works")
    else:
        listener.start()
    try:
        yield
    finally:
        if listener:
            listener.stop()
        desk.app.engine.dispose()


def _steady() -> float:
    """Seconds since the machine was started, suspended time included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
