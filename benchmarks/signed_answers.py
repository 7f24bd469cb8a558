"""How long a signed answer takes until it is stored: python -m benchmarks.signed_answers.

The real `spendwatch run`, its web server before a real Slack (the local one) and a real database on
disk. Answers come at 300 a second, whether or not those before are answered: half are presses that
Slack signed, half forms of pages that mails lead to. First on a calm day, then while a storm of
10,000 alerts is taken in and told. Each answer is for an alert of its own and is looked up in the
database at the end. Left with 1 where one that was confirmed is lost. The times are printed with
their aims, and as a multiple of what one durable commit takes on the same disk in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from sqlmodel import select

from alerts import outbox
from alerts.links import Purpose, Signing
from alerts.model import Reason
from alerts.notice import Message, Notification
from alerts.tables import AlertRow, NotificationRow, ReplyRow
from spendwatch.app import system_clock
from spendwatch.db import reading, writing
from tests.process.slack_load import PEOPLE, Load, in_slack, settled, tenants
from tests.slack.identity import APP_ID, SIGNING_SECRET, TEAM_ID
from tests.slack.posting import FORM, body_of, signed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

RATE, STORM, CALM_S, STORM_S = 300, 10_000, 20, 30
AIM_CALM_MS, AIM_STORM_MS = 25, 100
KEY, ADDRESS = "k" * 40, "ann@example.com"
_MORE = """
[[receivers]]
kind = "email"
name = "people"
addresses = ["ann@example.com"]
digest = "off"

[email]
sender = "spendwatch@example.com"
host = "127.0.0.1"

[web]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
requests_a_minute = 100000
"""


@dataclass
class Answers:
    """What was sent, how long each took, and which were confirmed."""

    took_s: list[float] = field(default_factory=list)
    confirmed: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Return within how many milliseconds this share was answered."""
        ordered = sorted(self.took_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


@dataclass(frozen=True)
class Desk:
    """Where answers go, and the messages that mails were made of."""

    address: str
    mailed: dict[int, int]

    def request(self, number: int) -> tuple[str, dict[str, str], bytes]:
        """Make the answer to one alert: by a press where its number is even, else from a mail."""
        return self._form(number) if number % 2 else self._press(number)

    def _press(self, number: int) -> tuple[str, dict[str, str], bytes]:
        person = {"id": PEOPLE[number % len(PEOPLE)], "name": "somebody", "team_id": TEAM_ID}
        action = {
            "action_id": "acknowledge",
            "block_id": "b",
            "type": "button",
            "value": str(number),
        }
        payload = {
            "type": "block_actions", "team": {"id": TEAM_ID}, "user": person, "api_app_id": APP_ID,
            "trigger_id": f"1.{number}", "channel": {"id": "C0ELSEWHERE"}, "actions": [action],
            "container": {"type": "message", "message_ts": f"1.{number:06}"}, "number": number,
            "message": {"ts": f"1.{number:06}"},
        }  # fmt: skip
        kind, body = body_of("interactive", payload)
        headers = signed(body, int(time.time())) | {"Content-Type": kind}  # noqa: TID251 - as Slack
        return f"{self.address}/slack/actions", headers, body

    def _form(self, number: int) -> tuple[str, dict[str, str], bytes]:
        now, message = system_clock(), self.mailed[number]
        signing = Signing((KEY,))
        token = signing.token(Purpose.ANSWER, message, now - timedelta(hours=1))
        page = signing.token(Purpose.FORM, message, now - timedelta(seconds=9))
        body = urlencode({"page": page, "do": "acknowledge"}).encode()
        return f"{self.address}/a/{token}/{number}", {"Content-Type": FORM}, body


async def answer_all(desk: Desk, numbers: Sequence[int]) -> Answers:
    """Send the answers at their rate, without waiting for one before the next."""
    found = Answers()
    limits = TCPConnector(limit=200, keepalive_timeout=3)
    async with ClientSession(connector=limits, timeout=ClientTimeout(10)) as client:
        begun, tasks = time.perf_counter(), []
        for place, number in enumerate(numbers):
            await asyncio.sleep(max(0.0, begun + place / RATE - time.perf_counter()))
            tasks.append(asyncio.create_task(_answer(client, desk, number, found)))
        await asyncio.gather(*tasks)
    return found


async def _answer(client: ClientSession, desk: Desk, number: int, found: Answers) -> None:
    url, headers, body = desk.request(number)
    begun = time.perf_counter()
    try:
        async with client.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            await answer.read()
            status = answer.status
    except (ClientError, TimeoutError) as error:
        found.refused.append(type(error).__name__)
        return
    found.took_s.append(time.perf_counter() - begun)
    if status in (200, 303):
        found.confirmed.append(number)
    else:
        found.refused.append(str(status))


def prepare(load: Load, many: int) -> dict[int, int]:
    """Take in as many alerts as are answered, told and mailed already; return their mails."""
    load.take_in(settled(load.app), tenants(many, 1, "calm"), group_above=1, cents=10_000)
    now = load.app.clock() - timedelta(hours=1)
    with writing(load.app.engine) as session:
        numbers = [number for number in session.exec(select(AlertRow.number)) if number]
        message = Message("warning", "somebody spent", (), (), "A-1, open")
        outbox.add_notifications(session, [_mailed(number, message, now) for number in numbers])
    with writing(load.app.engine) as session:
        rows = session.exec(select(NotificationRow).where(NotificationRow.recipient == ADDRESS))
        mails = {}
        for row in rows:
            row.state, row.sent_at = "sent", now
            mails[row.alert_number or 0] = row.number or 0
    return mails


def _mailed(number: int, message: Message, at: datetime) -> Notification:
    about = replace(message, about=(number,))
    key = f"mail {number}"
    return Notification(key, number, "people", Reason.NEW, about, at, recipient=ADDRESS)


def lost(load: Load, found: Answers) -> int:
    """Count what was confirmed and is not stored: a press may have been told that it was not."""
    with reading(load.app.engine) as session:
        stored = set(session.exec(select(ReplyRow.alert_number)))
    not_saved = sum(
        bool(json.loads(each)["event"] == "slack_answer_not_saved")
        for each in (load.folder / "log.jsonl").read_text().splitlines()
        if each.startswith("{")
    )
    return max(0, len(set(found.confirmed) - stored) - not_saved)


def commit_ms(folder: Path) -> float:
    """Return what a durable commit of one row takes here, at the median of 200."""
    took = []
    with closing(sqlite3.connect(folder / "plain.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE plain (text TEXT)")
        for number in range(200):
            begun = time.perf_counter()
            connection.execute("INSERT INTO plain VALUES (?)", (str(number),))
            took.append(time.perf_counter() - begun)
    return sorted(took)[100] * 1000


def show(what: str, found: Answers, aim_ms: float, commit: float) -> None:
    """Print how long they took."""
    p50, p99, most = (found.percentile(share) for share in (0.5, 0.99, 1))
    print(f"{what:<24} {len(found.took_s):6,} answers: p50 {p50:.1f} ms, p99 {p99:.1f} ms (aim "
          f"{aim_ms}), max {most:.0f} ms; p99 is {p99 / commit:.0f} x a commit; "
          f"{len(found.refused)} not confirmed", flush=True)  # fmt: skip


def measure(port: int) -> list[str]:
    """Measure on a calm day and in a storm; return what is broken."""
    many = RATE * (CALM_S + STORM_S)
    environ = {
        "SPENDWATCH_SLACK__SIGNING_SECRET": SIGNING_SECRET,
        "SPENDWATCH_WEB__SIGNING_KEYS": KEY,
    }
    with in_slack(1, _MORE.format(port=port), environ) as load, tempfile.TemporaryDirectory() as at:
        desk = Desk(f"http://127.0.0.1:{port}", prepare(load, many))
        numbers, commit = sorted(desk.mailed), commit_ms(Path(at))
        with load.serving():
            load.wait_until_told(60)
            calm = asyncio.run(answer_all(desk, numbers[: RATE * CALM_S]))
            show("a calm day", calm, AIM_CALM_MS, commit)
            in_storm = asyncio.run(_in_a_storm(load, desk, numbers[RATE * CALM_S :]))
            show(f"a storm of {STORM:,}", in_storm, AIM_STORM_MS, commit)
        missing = lost(load, calm) + lost(load, in_storm)
    print(f"a durable commit takes {commit:.2f} ms here; answers that were confirmed and are lost: "
          f"{missing}")  # fmt: skip
    return [f"{missing} answers are lost"] if missing else []


async def _in_a_storm(load: Load, desk: Desk, numbers: Sequence[int]) -> Answers:
    """Answer while a judgement with thousands of alerts is taken in and told."""
    day = settled(load.app) + timedelta(days=1)
    own = tenants(STORM, 1, "storm")
    taking = asyncio.to_thread(load.take_in, day, own, group_above=5, cents=12_000)
    found, took_s = await asyncio.gather(answer_all(desk, numbers), taking)
    print(f"  the storm was taken in within {took_s:.2f} s")
    return found


def main() -> None:
    """Measure, and leave with 1 where something is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=18_080)
    broken = measure(parser.parse_args().port)
    for each in broken:
        print(f"BROKEN: {each}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
