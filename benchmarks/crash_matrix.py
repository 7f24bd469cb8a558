"""Kill a service at every point that can be found, start it again, compare it row for row.

Three mornings are lived in child processes (``tests/process/story.py``). At each commit (before and
after) and each file operation one is killed with SIGKILL, another goes on to the end, and the
database and the receivers' files must be those of a run that nobody disturbed. Then the same at
random times, again and again within one run, and at every so many-th fsync or fdatasync, where
strace is there. Run as ``python -m benchmarks.crash_matrix``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.process.crash_rig import (
    KILLED,
    ROOT,
    Place,
    Undisturbed,
    Zygote,
    crash_at,
    new_place,
    record,
    what_differs,
)

PROGRESS_EVERY = 50
MOST_STARTS = 60


@dataclass
class Tally:
    """What came of one kind of kill."""

    what: str
    kills: int = 0
    wrong: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def count(self, name: str, told: list[str]) -> None:
        """Count one kill, and say what differs after it."""
        self.kills += 1
        if told:
            self.wrong.append(name)
            print(f"  {name}: {len(told)} differences, first {told[0][:300]}", flush=True)
        if not self.kills % PROGRESS_EVERY:
            print(f"  {self.what}: {self.kills} kills, {len(self.wrong)} wrong", flush=True)


@dataclass
class Matrix:
    """All kills of one kind of database."""

    zygote: Zygote
    folder: Path
    server: str | None
    known: Undisturbed = field(default_factory=Undisturbed)

    def prepare(self) -> None:
        """Live the story undisturbed, twice: it must come out the same."""
        self.known = record(self.zygote, new_place(self.folder / "whole", self.server), self.folder)
        again = new_place(self.folder / "again", self.server)
        self.took_s = float(self.zygote.live(again)["took_s"])
        told = what_differs(self.known, again)
        if told:
            raise SystemExit(f"two undisturbed runs differ: {told[:3]}")

    def points(self, stride: int) -> Iterator[tuple[str, list[str]]]:
        """Kill at each point."""
        for start, point in self.known.points[::stride]:
            name = f"from step {start}: {point}"
            yield name, crash_at(self.zygote, self.known, start, point, self.folder / "place")

    def random_times(self, many: int) -> Iterator[tuple[str, list[str]]]:
        """Kill at uniformly random times of the whole story."""
        chance = random.Random(7)  # noqa: S311 - times to die, no secrets
        for number in range(many):
            place = self.known.starts[0].copy(self.folder / "place")
            after_s = chance.uniform(0, self.took_s)
            self.zygote.live(place, kill_after_s=after_s)
            yield f"random #{number} after {after_s:.3f} s", self._ended(place)

    def again_and_again(self) -> Iterator[tuple[str, list[str]]]:
        """Kill every process at its n-th point, until one comes to the end."""
        for every in (70, 90, 110, 150, 200):
            place = self.known.starts[0].copy(self.folder / "place")
            codes = [KILLED]
            while codes[-1] == KILLED and len(codes) < MOST_STARTS:
                codes.append(int(self.zygote.live(place, every=every)["status"]))
            told = [] if codes[-1] == 0 else [f"left with {codes[-1]}"]
            yield f"every {every} points, {len(codes) - 1} starts", told + self._ended(place)

    def syncs(self, stride: int) -> Iterator[tuple[str, list[str]]]:
        """Kill at every so many-th fsync or fdatasync of each start."""
        calls = "fdatasync,fsync"
        for start in self.known.starts:
            number = 1
            while True:
                place = self.known.starts[start].copy(self.folder / "place")
                if not self._killed_at_sync(place.folder, place.url, calls, number):
                    break
                yield f"from step {start}: sync {number}", self._ended(place)
                number += stride

    def _killed_at_sync(self, folder: Path, url: str, calls: str, number: int) -> bool:
        inject = f"inject={calls}:signal=KILL:when={number}"
        # With --seccomp-bpf, strace 6.1 injects nothing.
        strace = ["strace", "-f", "-qq", "-o", "/dev/null"]
        story = [sys.executable, "-m", "tests.process.crashing", str(folder), url]
        done = subprocess.run(
            [*strace, "-e", f"trace={calls}", "-e", inject, *story],
            cwd=ROOT, check=False, capture_output=True,
        )  # fmt: skip
        return done.returncode != 0

    def _ended(self, place: Place) -> list[str]:
        done = self.zygote.live(place)
        told = [] if done["status"] == 0 else [f"it left with {done['status']}"]
        told += what_differs(self.known, place)
        place.remove()
        return told


def go_through(what: str, kills: Callable[[], Iterator[tuple[str, list[str]]]]) -> Tally:
    """Go through one kind of kill."""
    tally, begun = Tally(what), time.monotonic()
    for name, told in kills():
        tally.count(name, told)
    tally.took_s = time.monotonic() - begun
    return tally


def one_database(kind: str, zygote: Zygote, folder: Path, asked: argparse.Namespace) -> list[Tally]:
    """Go through all kinds of kill on one kind of database."""
    server = None
    if kind == "postgresql":
        from tests import postgresql

        server = postgresql.server().get_uri()
    matrix = Matrix(zygote, folder, server)
    matrix.prepare()
    names = Counter(point.rsplit(" #", 1)[0] for _, point in matrix.known.points)
    print(f"{kind}: {len(matrix.known.points)} points in {len(names)} places", flush=True)
    many = asked.random if kind == "sqlite" else asked.random // 3
    tallies = [
        go_through(f"{kind}, every point", lambda: matrix.points(asked.stride)),
        go_through(f"{kind}, random times", lambda: matrix.random_times(many)),
        go_through(f"{kind}, again and again", matrix.again_and_again),
    ]
    if kind == "sqlite" and asked.syncs and shutil.which("strace"):
        syncs = go_through(f"{kind}, at a sync", lambda: matrix.syncs(asked.syncs))
        if not syncs.kills:
            syncs.wrong.append("strace killed nothing")
        tallies.append(syncs)
    return tallies


def main() -> None:
    """Go through both kinds of database, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--stride", type=int, default=1, help="every so many-th point")
    parser.add_argument("--random", type=int, default=300, help="kills at random times")
    parser.add_argument("--syncs", type=int, default=5, help="every so many-th sync; 0 for none")
    asked = parser.parse_args()
    kinds = ("sqlite", "postgresql") if asked.database == "both" else (asked.database,)
    memory = Path("/dev/shm")  # noqa: S108 - what is lost with the power is not tested here
    tallies, zygote = [], Zygote()
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for kind in kinds:
            tallies += one_database(kind, zygote, Path(folder) / kind, asked)
    zygote.end()
    print(f"{'what':<32} {'kills':>6} {'wrong':>6} {'seconds':>8}")
    for each in tallies:
        print(f"{each.what:<32} {each.kills:>6} {len(each.wrong):>6} {each.took_s:>8.0f}")
    sys.exit(any(each.wrong for each in tallies))


if __name__ == "__main__":
    main()
