"""`spendwatch run`: the service, until it is asked to end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

from spendwatch import job_runs
from spendwatch.channels import build_channels, slack_of, smtp_of
from spendwatch.coming_back import report_unclean_stop
from spendwatch.commands.opening import open_app, open_settings
from spendwatch.db import DatabaseError
from spendwatch.exits import BUSY, FAILED
from spendwatch.leading import leading
from spendwatch.logs import logger
from spendwatch.outbound import build_outbound
from spendwatch.scheduler import Scheduler
from spendwatch.self_report import report_refused_settings
from spendwatch.service import Service
from spendwatch.settings import ConfigError
from spendwatch.settings_environment import APP_TOKEN, SIGNING_SECRET
from spendwatch.standing import SETTINGS
from spendwatch.streams import reserve, standard_output, unburden
from spendwatch.verifying import Verifier, heartbeat_of
from spendwatch.watchdog import PATIENCE_S, Watchdog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from alerts.channels.base import Channel
    from alerts.channels.slack_account import SlackAccount
    from spendwatch.app import App
    from spendwatch.ending import Ending
    from spendwatch.leading import Leadership
    from spendwatch.settings_web import WebSettings
    from spendwatch.slack.taking import Hands
    from spendwatch.watchdog import Watched
    from spendwatch.web.serving import Web

GRACE_S = 10.0
"""How long running ticks may take to end; what they have not committed is done again next time."""


def run(config: Path, ending: Ending, patience_s: float = PATIENCE_S) -> None:
    """Serve until somebody asks for the end.

    Leaves with 75 where another process leads, with 1 where something has not moved for
    ``patience_s``, so that whoever supervises it starts it again.
    """
    reserve()
    app = open_app(config)
    idle = ending.asked.is_set() or _serve(app, config, ending, patience_s)
    app.engine.dispose()
    if not idle or ending.anew:
        ending.leave()
    unburden()
    raise SystemExit(ending.code)


def _serve(app: App, config: Path, ending: Ending, patience_s: float) -> bool:
    """Serve; whether everything had ended by the end of the grace."""
    log = logger()
    account = slack_of(app.settings)
    channels = build_channels(app, standard_output(), account)
    ping = heartbeat_of(app)
    with (
        leading(app.engine, "run", app.clock) as leadership,
        _listening(app, account, channels) as ears,
        _web(app, ears.hands) as web,
    ):
        service = Service(
            app,
            channels,
            leadership,
            log,
            steady=_steady,
            stopping=ending.asked.is_set,
            on_lost=partial(ending.ask, "another process leads", BUSY),
            pause=ending.asked.wait,
            note_slack=ears.note,
            verifier=Verifier(app, ping, log, time.monotonic),
        )
        scheduler = Scheduler(service.ticks(), app.clock)
        log.info("service_started", pid=os.getpid(), sources=list(app.source_names))
        scheduler.start()
        watched = (*scheduler.watched(), *ears.watched)
        if web:
            watched = (*watched, web.start(watched))
        dog = Watchdog(watched, time.monotonic, patience_s)
        Thread(target=_watch, args=(ending, dog, log), name="watchdog", daemon=True).start()
        _note_start(app, leadership, log)
        while not ending.wait():
            ending.anew = _accept(app, config, log)
            if ending.anew:
                ending.ask("the settings are read again", 0)
        if web:
            web.ask_to_end()  # while the ticks end
        idle = all([scheduler.stop(GRACE_S), ears.stop(), web.stop() if web else True])
        if ending.code == FAILED:
            ending.leave()  # what is blocked would not end
    log.info("service_stopped", why=ending.why, idle=idle)
    return idle


def _note_start(app: App, leadership: Leadership, log: FilteringBoundLogger) -> None:
    """Note what a start changes; nothing that is due waits for it."""
    try:
        if job_runs.last_error(app.engine, SETTINGS):
            _note_settings(app, lambda: None)  # those that it starts with are right
        if died_at := report_unclean_stop(app, leadership):
            log.warning("unclean_stop", last_heard_of=died_at.isoformat())
    except DatabaseError as error:
        log.warning("start_not_noted", error=str(error))


def _accept(app: App, config: Path, log: FilteringBoundLogger) -> bool:
    """Whether the settings as they are by now can be served with; what is wrong is told."""
    try:
        _read_again(app, config)
    except ConfigError as error:
        log.warning("settings_refused", problems=list(error.problems))
        report_refused_settings(app, error.problems)
        return False
    except DatabaseError as error:
        log.warning("settings_not_read", error=str(error))
        return False
    return True


def _read_again(app: App, config: Path) -> None:
    """Read the settings, and note for whoever looks how that went; raises ConfigError."""

    def read() -> None:
        settings = open_settings(config)
        slack_of(settings)
        smtp_of(settings)
        build_outbound(settings)
        if settings.web.serves and settings.web.listen != app.settings.web.listen:
            _try_address(settings.web)

    _note_settings(app, read)


def _note_settings(app: App, read: Callable[[], None]) -> None:
    today = app.clock().astimezone(app.directory.default_zone).date()
    job_runs.run(app.engine, SETTINGS, today, app.clock, read)


def _watch(ending: Ending, watchdog: Watchdog, log: FilteringBoundLogger) -> None:
    """Look until the end, and ask for it where something does not move any more.

    In a thread of its own, which depends on none of those that it looks at.
    """
    while not ending.asked.wait(watchdog.look_every_s):
        if why := watchdog.look():
            log.error("service_stuck", why=why)
            ending.ask(why, FAILED)


def _stopped() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Ears:
    """What hears Slack, as far as the service must know: nothing where there is none.

    ``stop`` says whether all that was begun has ended; asked again, it says the same at once.
    ``hands`` takes what Slack posts to the web server, where it does.
    """

    note: Callable[[], None] | None = None
    watched: tuple[Watched, ...] = ()
    stop: Callable[[], bool] = _stopped
    hands: Hands | None = None


@contextmanager
def _listening(
    app: App, account: SlackAccount | None, channels: Mapping[str, Channel]
) -> Iterator[_Ears]:
    """Hear what people answer in Slack, where there is one."""
    if account is None:
        yield _Ears()
        return
    # Half a second of imports that whoever has no Slack need not wait for.
    from spendwatch.slack.serving import build_desk, build_hands, build_listener, build_notes

    log = logger()
    desk = build_desk(app, account, channels, log)
    listener, hands = build_listener(desk, log), build_hands(desk, log)
    if listener is None and hands is None:
        why = f"neither {APP_TOKEN} nor {SIGNING_SECRET} is set, so no button works"
        log.warning("slack_not_heard", why=why)
    if listener:
        listener.start()
    watched, stop = ((listener.watched(),), listener.stop) if listener else ((), _stopped)
    try:
        yield _Ears(build_notes(app, account, listener, log).note, watched, stop, hands)
    finally:
        stop()
        desk.app.engine.dispose()


@contextmanager
def _web(app: App, hands: Hands | None) -> Iterator[Web | None]:
    """Have the address of the web server, where there shall be one."""
    if not app.settings.web.serves:
        yield None
        return
    # Half a second of imports that whoever serves nothing need not wait for.
    from spendwatch.web.serving import Web

    web = Web(app, hands, logger())
    try:
        yield web
    finally:
        web.stop()


def _try_address(settings: WebSettings) -> None:
    """Raise ConfigError where the address cannot be had."""
    from spendwatch.web.server import bind

    bind(settings).close()


def _steady() -> float:
    """Seconds since the machine was started, suspended time included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
