"""Runs the story in child processes that are killed, and says what differs in the end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from sqlalchemy import make_url

from tests.process import story
from tests.process.final_state import differences, read_state, told_wrongly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.process.final_state import State

ROOT = Path(__file__).parents[2]
KILLED = -9


class Zygote:
    """A process that has everything imported, and forks for each order."""

    def __init__(self, module: str = "tests.process.crashing") -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, "--serve"],
            cwd=ROOT,
            stderr=self._errors,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, place: Place, **order: Any) -> dict[str, Any]:
        """Have a child live the story, or a part of it; return its exit code and time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order |= {"folder": str(place.folder), "url": place.url}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        done: dict[str, Any] = json.loads(self._process.stdout.readline())
        if done["status"] not in (0, KILLED):
            self._errors.seek(0)
            done["said"] = self._errors.read().decode()[-2_000:]
        return done

    def end(self) -> None:
        """Let it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()


@dataclass(frozen=True)
class Place:
    """An installation: its folder, and its database, which may live elsewhere."""

    folder: Path
    url: str

    def copy(self, folder: Path) -> Place:
        """Copy it as it is; nothing may use it meanwhile."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        if self.url.startswith("sqlite"):
            return Place(folder, _sqlite(folder))
        other = make_url(self.url).set(database=_database_of(folder))
        with _server(self.url) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {other.database} WITH (FORCE)")
            connection.execute(
                f"CREATE DATABASE {other.database} TEMPLATE {make_url(self.url).database}"
            )
        return Place(folder, other.render_as_string(hide_password=False))

    def remove(self) -> None:
        """Remove it with its database."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if not self.url.startswith("sqlite"):
            with _server(self.url) as connection:
                connection.execute(f"DROP DATABASE {make_url(self.url).database} WITH (FORCE)")


def new_place(folder: Path, server: str | None = None) -> Place:
    """Make an installation in which nothing has run; on a server where one is named."""
    shutil.rmtree(folder, ignore_errors=True)
    story.prepare(folder)
    if server is None:
        return Place(folder, _sqlite(folder))
    url = make_url(server).set(database=_database_of(folder))
    with _server(server) as connection:
        connection.execute(f"CREATE DATABASE {url.database}")
    return Place(folder, url.render_as_string(hide_password=False))


def _sqlite(folder: Path) -> str:
    return f"sqlite:///{folder / 'spendwatch.db'}"


def _database_of(folder: Path) -> str:
    return f"crash_{abs(hash(str(folder))) % 10**12}"


@contextmanager
def _server(url: str) -> Iterator[psycopg.Connection[Any]]:
    address = make_url(url).set(database="postgres").render_as_string(hide_password=False)
    with psycopg.connect(address, autocommit=True) as connection:
        yield connection


@dataclass
class Undisturbed:
    """A run that nobody disturbed: how it was at each start, its points, and its end.

    The story is cut at its starts: a process that is started there does what the first process
    did from there on, so that what comes before need not be lived again for each point.
    """

    starts: dict[int, Place] = field(default_factory=dict)
    points: list[tuple[int, str]] = field(default_factory=list)
    end: Place | None = None
    state: State = field(default_factory=dict)


def record(zygote: Zygote, place: Place, folder: Path) -> Undisturbed:
    """Live the story undisturbed, keeping a copy of every start."""
    found = Undisturbed()
    starts = [number for number, step in enumerate(story.all_steps()) if step.starts]
    for start, until in zip(starts, [*starts[1:], len(story.all_steps())], strict=True):
        found.starts[start] = place.copy(folder / f"start-{start}")
        _succeed(zygote.live(place, until=until))
        names = json.loads((place.folder / "points.json").read_text())
        found.points += [(start, name) for name in names]
    found.end, found.state = place, read_state(place.url)
    return found


def crash_at(zygote: Zygote, known: Undisturbed, start: int, point: str, folder: Path) -> list[str]:
    """Die at a point, start again, live to the end; return what differs."""
    place = known.starts[start].copy(folder)
    if zygote.live(place, kill=point)["status"] != KILLED:
        return [f"nobody died at {point}"]
    _succeed(zygote.live(place))
    told = what_differs(known, place)
    place.remove()
    return told


def what_differs(known: Undisturbed, place: Place) -> list[str]:
    """Compare a place with the undisturbed one: every table, every file of a receiver."""
    state = read_state(place.url)
    return differences(known.state, state) + told_wrongly(place.folder, state)


def _succeed(done: dict[str, Any]) -> None:
    if done["status"]:
        raise AssertionError(f"nobody killed it, and it left with {done['status']}: {done['said']}")
