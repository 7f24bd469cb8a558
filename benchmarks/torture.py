"""Kill the service a thousand times during storms, with faults on: `make torture`.

The service is the real one, the SDK too; Slack is the local one of the tests, twenty times as fast,
with its rates, its lag and its faults (``tests/process/torture.py``); a mail server and a program
that is posted webhooks stand beside it, with faults of their own (``tests/process/elsewhere.py``).
Counted are, for each of the three, alerts that were lost or told again; answers that were lost, and
messages that showed an answer nobody has stored. Before that it is killed at each single point of
what it does in Slack, with Slack well, slow, and telling it to wait.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tests.postgresql import new_database
from tests.process.slack_crashes import MODES, SlackCrashes
from tests.process.torture import installed, torment

KILLS = {"sqlite": 1_000, "postgresql": 200}


def torture(kind: str, kills: int, seed: int) -> list[str]:
    """Torture one kind of database; say what is wrong afterwards."""
    address: AbstractContextManager[str] = nullcontext("sqlite:///spendwatch.db")
    if kind == "postgresql":
        address = new_database()
    begun = time.monotonic()

    def say(done: int) -> None:
        if not done % 20:
            print(
                f"  {kind}: {done} of {kills} kills, {time.monotonic() - begun:.0f} s", flush=True
            )

    with (
        tempfile.TemporaryDirectory() as folder,
        address as url,
        installed(Path(folder), url=url, seed=seed) as tortured,
    ):
        torment(tortured, kills, on_kill=say)
        stalled_s = tortured.slack.report()["longest_stall_s"]
        told, wrong, faults = tortured.told(), tortured.wrong(), tortured.faults()
        answers = len(tortured.pressed_alerts)
    print(
        f"{kind}: {tortured.kills} kills, {answers} answers acknowledged, {len(wrong)} wrong, "
        f"{time.monotonic() - begun:.0f} s; Slack stood still for at most "
        f"{stalled_s:.2f} s"
    )
    for way in told:
        print(f"  {way}, {faults[way.way]} faults")
    for each in wrong[:20]:
        print(f"  {each}")
    return wrong


def every_point() -> list[str]:
    """Kill the service at each point of what it does in Slack, on each kind of day there."""
    wrong, begun = [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        crashes = SlackCrashes(Path(folder))
        wrong += crashes.record()
        for mode in MODES:
            ended = {point: crashes.crash_at(point, mode) for point in crashes.points}
            reached = {point: told for point, told in ended.items() if told is not None}
            found = [f"{mode}, {point}: {told}" for point, told in reached.items() if told]
            took_s = time.monotonic() - begun
            print(f"Slack {mode}: {len(reached)} points, {len(found)} wrong, {took_s:.0f} s")
            wrong += found
        crashes.end()
    for each in wrong[:20]:
        print(f"  {each}")
    return wrong


def main() -> None:
    """Torture both kinds of database, or one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=(*KILLS, "both"), default="both")
    parser.add_argument("--kills", type=int, help="instead of 1,000 and 200")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    kinds = list(KILLS) if asked.database == "both" else [asked.database]
    wrong = [every_point()] if asked.database == "both" else []
    wrong += [torture(kind, asked.kills or KILLS[kind], asked.seed) for kind in kinds]
    sys.exit(any(wrong))


if __name__ == "__main__":
    main()
