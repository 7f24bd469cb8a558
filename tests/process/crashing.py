"""A process that lives a story and, at a chosen point of it, dies by SIGKILL.

The points are found, not planted: every commit (before and after), every file that is opened for
writing, renamed, removed or locked, as long as a function of ours is on the stack. A point is named
by what happens, by the function that does it, and by how often it did so before.

With ``--serve`` the process stays, reads one order a line and forks for each: what is imported once
need not be imported a thousand times.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event
from sqlmodel import Session

from tests.process import story

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

ROOT = Path(__file__).parents[2]
OURS = tuple(f"{ROOT / package}{os.sep}" for package in ("detector", "alerts", "spendwatch"))
NOT_NAMED = tuple(str(ROOT / "spendwatch" / name) for name in ("db.py", "db_engines.py"))
"""They open every transaction; who asked them to is what counts."""
FILE_EVENTS = ("os.rename", "os.remove", "os.mkdir", "os.truncate", "fcntl.flock", "shutil")
CALL_EVENTS = ("http.client.send",)
"""What others are told, in the very moment."""


class Points:
    """Names every point as it is reached; dies at the one that was chosen."""

    def __init__(self, chosen: str | None = None, every: int = 0) -> None:
        self.chosen, self.every = chosen, every
        self.found: list[str] = []
        self._times: Counter[str] = Counter()

    def listen(self) -> None:
        """Hear of everything that leaves a trace; for the rest of this process."""
        event.listen(Engine, "commit", lambda _connection: self.reach("before commit"))
        event.listen(Session, "after_commit", lambda _session: self.reach("after commit"))
        sys.addaudithook(self._on_audit)

    def reach(self, what: str) -> None:
        """Note a point, or die at it."""
        who = _who()
        if who is None:
            return
        name = f"{what} {who}"
        self._times[name] += 1
        point = f"{name} #{self._times[name]}"
        self.found.append(point)
        if point == self.chosen or (self.every and len(self.found) >= self.every):
            os.kill(os.getpid(), signal.SIGKILL)

    def _on_audit(self, happens: str, arguments: tuple[Any, ...]) -> None:
        if arguments and "__pycache__" in str(arguments[0]):
            return  # the interpreter's own, where nobody has imported a module before
        if happens == "open":
            writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            if isinstance(arguments[2], int) and arguments[2] & writes:
                self.reach("open")
        elif happens.startswith((*FILE_EVENTS, *CALL_EVENTS)):
            self.reach(happens)


def _who() -> str | None:
    """Name the innermost function of ours, other than those that merely open a transaction."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(OURS) and file not in NOT_NAMED:
            return f"{Path(file).stem}.{frame.f_code.co_qualname}".replace(".<locals>", "")
        frame = frame.f_back
    return None


def live(order: dict[str, Any]) -> None:
    """Live the story, or what is left of it."""
    points = Points(order.get("kill"), order.get("every", 0))
    points.listen()
    run = story.Run(Path(order["folder"]), order["url"])
    run.live(order.get("until"))
    (run.folder / "points.json").write_text(json.dumps(points.found))
    failed = [line for line in run.log if "tick_failed" in line]
    if failed and not order.get("faults"):
        raise SystemExit("\n".join(failed))


def serve(live: Callable[[dict[str, Any]], None]) -> None:
    """Carry out one order after the other, each in a process of its own."""
    for line in sys.stdin:
        order = json.loads(line)
        begun = time.monotonic()
        child = os.fork()
        if not child:
            _live_and_leave(live, order)
        after_s = order.get("kill_after_s")
        timer = Timer(after_s, os.kill, (child, signal.SIGKILL)) if after_s is not None else None
        if timer:
            timer.start()
        _, status = os.waitpid(child, 0)
        if timer:
            timer.cancel()
        done = {"status": os.waitstatus_to_exitcode(status), "took_s": time.monotonic() - begun}
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


def _live_and_leave(live: Callable[[dict[str, Any]], None], order: dict[str, Any]) -> None:
    code = 1
    try:
        live(order)
        code = 0
    except SystemExit as end:
        sys.stderr.write(f"{end}\n")
    except BaseException:  # noqa: BLE001 - it is shown, and the child leaves either way
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        serve(live)
    else:
        live({"folder": sys.argv[1], "url": sys.argv[2], "faults": True})
