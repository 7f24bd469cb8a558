"""Kills the process of ``slack_points.py`` at each of its points, on each kind of day in Slack."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.process.crash_rig import KILLED, Place, Zygote
from tests.process.slack_points import prepare
from tests.process.torture import SPEED, Torture
from tests.slack.local import LocalSlack

if TYPE_CHECKING:
    from pathlib import Path

MODES = ("well", "slow", "429")
_LOOKING = {
    "delivery.deliver",
    "delivery._Post.pending",
    "showing.Showing.show",
    "picturing.Picturing.attach",
}
"""They commit nothing but a look at what is due, the more often the longer things take."""
_SLOW_S = 4.0
"""Of Slack's seconds: a fifth of ours."""


@dataclass
class SlackCrashes:
    """One installation with a full outbox, copied for each kill."""

    folder: Path
    slack: LocalSlack = field(default_factory=lambda: LocalSlack(speed=SPEED))
    zygote: Zygote = field(default_factory=lambda: Zygote("tests.process.slack_points"))
    points: list[str] = field(default_factory=list)

    def record(self) -> list[str]:
        """Do everything undisturbed; return what is wrong even then."""
        whole = Torture(self.folder / "full", self.slack)
        prepare(whole)
        whole.end()
        torture, place = self._fresh("well")
        self._live(place)
        found = json.loads((place.folder / "points.json").read_text())
        self.points = [name for name in found if name.split(" #")[0].split()[-1] not in _LOOKING]
        return self._judged(torture)

    def crash_at(self, point: str, mode: str) -> list[str] | None:
        """Die at a point, start again; return what is wrong, None where it was not reached."""
        torture, place = self._fresh(mode)
        try:
            if self.zygote.live(place, kill=point)["status"] != KILLED:
                return None
            self._live(place)
            return self._judged(torture)
        finally:
            torture.end()

    def end(self) -> None:
        """Let everything go."""
        self.zygote.end()
        self.slack.stop()

    def _fresh(self, mode: str) -> tuple[Torture, Place]:
        self.slack.reset(speed=SPEED)
        folder = self.folder / "place"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / "full", folder)
        torture = Torture(folder, self.slack)
        if mode == "slow":
            self.slack.fault("delay", count=100_000, seconds=_SLOW_S)
        if mode == "429":
            self.slack.fault("ratelimited", "chat.postMessage", count=3, retry_after="1")
            self.slack.fault("ratelimited", "chat.update", count=2, retry_after="1")
        return torture, Place(folder, torture.app.settings.service.database_url)

    def _live(self, place: Place) -> None:
        done = self.zygote.live(place)
        if done["status"]:
            raise AssertionError(f"nobody killed it, and it left with {done['status']}: {done}")

    def _judged(self, torture: Torture) -> list[str]:
        charts = [file.thread_ts for file in self.slack.files() if file.completed]
        twice = [f"two charts below {ts}" for ts in set(charts) if charts.count(ts) > 1]
        return torture.wrong() + twice
