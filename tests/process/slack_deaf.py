"""How long nobody is heard while a Socket Mode connection is renewed.

Somebody presses a button every 20 ms while Slack tells the connection to go, or it breaks. Deaf is
the time from the first press that comes to nothing to the next that does not.
"""

from __future__ import annotations

import os
import statistics
import time
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import structlog
from slack_sdk import WebClient

from spendwatch.slack.desk import Reaction
from spendwatch.slack.listening import Listener
from spendwatch.slack.taking import Hands
from tests.slack.local import LocalSlack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Line = Callable[[str, str, str], None]
    Promise = Callable[..., list[str]]

TIMES, EVERY_S = 12, 0.02
BEFORE_S, AFTER_S = 0.2, 1.5
SILENT_TIMES, SILENT_AFTER_S = 3, 12.0
BUTTON = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}


@dataclass
class Ear:
    """A listener that notes what it hears, and a button to press."""

    slack: LocalSlack
    ts: str = ""

    def __post_init__(self) -> None:
        self.heard: set[str] = set()
        self._lock = Lock()
        web = WebClient(self.slack.bot_token, base_url=self.slack.base_url)
        blocks = [{"type": "actions", "elements": [BUTTON]}]
        posted = web.chat_postMessage(channel=self.slack.channel, text="x", blocks=blocks)
        self.ts = str(posted["ts"])

    def receive(self, _kind: str, payload: Any) -> Reaction:
        """Take a press."""
        with self._lock:
            self.heard.add(str(payload["trigger_id"]))
        return Reaction()

    def press(self) -> tuple[float, str, str]:
        """Press; return when, and the names of the envelope and of what it triggers."""
        now = time.monotonic()
        envelope = self.slack.press(self.slack.channel, self.ts, "go", wait=False)
        return now, envelope.id, str(envelope.trigger_id)

    def press_around(
        self, event: Callable[[], object], after_s: float
    ) -> list[tuple[float, str, str]]:
        """Press every so often before something happens, and after it."""
        begun, pressed, happened = time.monotonic(), [], False
        while (gone_s := time.monotonic() - begun) < BEFORE_S + after_s:
            if gone_s > BEFORE_S and not happened:
                event()
                happened = True
            pressed.append(self.press())
            time.sleep(EVERY_S)
        return pressed


@dataclass(frozen=True)
class Renewal:
    """What one renewal cost."""

    deaf_s: float
    unheard: int
    unanswered: int


@contextmanager
def listening() -> Iterator[Ear]:
    """Have a listener connected to a Slack of its own."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        os.environ.pop(name, None)
    with LocalSlack() as slack:
        ear = Ear(slack)
        log = structlog.wrap_logger(None, processors=[structlog.testing.LogCapture()])
        listener = Listener(slack.app_token, slack.base_url, Hands(ear.receive, log), log)
        listener.start()
        try:
            slack.wait_until(lambda local: local.connections())
            yield ear
        finally:
            listener.stop()


def renew(ear: Ear, event: Callable[[], object], after_s: float = AFTER_S) -> Renewal:
    """Press around one event, and find out what became of the presses."""
    ear.slack.wait_until(lambda local: any(not each["leaving"] for each in local.connections()))
    pressed = ear.press_around(event, after_s)
    time.sleep(0.5)
    acked = {each.id for each in ear.slack.envelopes() if each.acks}
    lost = [at for at, envelope, _ in pressed if envelope not in acked]
    again = [at for at, envelope, _ in pressed if envelope in acked and lost and at > lost[-1]]
    deaf_s = (again[0] if again else pressed[-1][0] + 0.5) - lost[0] if lost else 0.0
    unheard = sum(trigger not in ear.heard for _, _, trigger in pressed)
    unanswered = sum(
        trigger in ear.heard and envelope not in acked for _, envelope, trigger in pressed
    )
    return Renewal(deaf_s, unheard, unanswered)


def deaf(line: Line, promise: Promise) -> list[str]:
    """Measure every way in which a connection is renewed."""
    broken = []
    with listening() as ear:
        slack = ear.slack
        ways: dict[str, Callable[[], object]] = {
            "refresh, the old one stays open": slack.disconnect,
            "refresh, the old one closes after 1 s": lambda: slack.disconnect(close_after_s=1.0),
            "warning": lambda: slack.disconnect("warning"),
            "link disabled": lambda: slack.disconnect("link_disabled"),
            "cut": slack.cut,
        }
        for name, event in ways.items():
            renewals = [renew(ear, event) for _ in range(TIMES)]
            broken += _summed_up(name, renewals, "0.5 s", line, promise, told=name != "cut")
        silent = [renew(ear, slack.fall_silent, SILENT_AFTER_S) for _ in range(SILENT_TIMES)]
        broken += _summed_up("looks open and is dead", silent, "10 s", line, promise, told=False)
    return broken


def _summed_up(
    name: str, renewals: Sequence[Renewal], aim: str, line: Line, promise: Promise, *, told: bool
) -> list[str]:
    """Print how it went; where Slack told of it before, no press may be lost at all."""
    times_s = [each.deaf_s for each in renewals]
    middle, worst = statistics.median(times_s), max(times_s)
    line(f"deaf: {name}", f"median {middle:.3f} s, worst {worst:.3f} s", f"aim: {aim}")
    unheard = sum(each.unheard for each in renewals)
    many = f", {len(renewals)} times"
    unanswered = promise(
        "  presses heard and never acknowledged", sum(each.unanswered for each in renewals)
    )
    if told:
        return [*promise(f"  presses never heard{many}", unheard), *unanswered]
    line(f"  presses never heard{many}", f"{unheard}", "nobody can hear them")
    return unanswered
