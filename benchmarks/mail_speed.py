"""Mails a minute, from the outbox to a local server: python -m benchmarks.mail_speed [MAILS].

The whole way: claimed, rendered, handed in over one connection, receipted, each committed to a
database on disk. The server is aiosmtpd in a process of its own, so it takes no time of ours but
what the machine lacks. Once as text and HTML, once with a chart of 20 KB inside; each also as a
multiple of handing the same bytes in with smtplib alone, measured in the same run. Left with 1
where fewer than 3,000 a minute go out, or one is lost or repeated.
"""

from __future__ import annotations

import argparse
import os
import smtplib
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from alerts import outbox
from alerts.channels.mail import MailChannel
from alerts.channels.smtp import Server, SmtpAccount
from alerts.delivery import deliver
from alerts.model import Reason
from alerts.notice import Line, Message, Notification, Picture
from alerts.render.mail import Envelope, render_mail
from spendwatch.db import writing
from spendwatch.db_upgrade import open_database

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAST_A_MINUTE = 3_000
ROOT = Path(__file__).parents[1]
NOW = datetime(2026, 11, 13, 6, 10, tzinfo=UTC)
SENDER, DOMAIN, ADDRESS = "spendwatch@example.com", "example.com", "ann@example.com"
_SERVER = """
import sys
from tests.mail.local import mail_server
with mail_server(security="none") as (mail, port):
    print(port, flush=True)
    sys.stdin.read()
    print(*(each["Message-ID"] for each in mail.mails), flush=True)
"""


class LocalServer:
    """A mail server in a process of its own."""

    def __init__(self) -> None:
        own = [sys.executable, "-c", _SERVER]
        self._process = subprocess.Popen(
            own, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        said = self._process.stdout
        self.port = int(said.readline()) if said else 0

    def taken(self) -> Counter[str]:
        """End it, and return how often each mail was taken, by its id."""
        said, _ = self._process.communicate("")
        return Counter(said.split())


@contextmanager
def account(port: int) -> Iterator[SmtpAccount]:
    """Hand mails in at a port of this machine."""
    found = SmtpAccount(Server("127.0.0.1", port, "none"), time.monotonic)
    yield found
    found.close()


def notes(many: int) -> list[Notification]:
    """Make so many messages about as many things."""
    lines = tuple(Line(label, "+$953 over the usual $331, " * 4) for label in ("What", "Why"))
    message = Message("warning", "Acme: $1,284 on Thu 12 Nov, 3.9x normal", lines, (), "A-12, open")
    return [
        Notification(f"note {number}", None, "people", Reason.NEW, message, NOW)
        for number in range(many)
    ]


def through_the_outbox(folder: Path, many: int, picture: Picture | None) -> tuple[float, list[str]]:
    """Deliver so many mails; return the seconds, and what is wrong."""
    server = LocalServer()
    engine = open_database(f"sqlite:///{folder}/{'chart' if picture else 'text'}.db")
    with writing(engine) as session:
        outbox.add_notifications(session, notes(many))
    with account(server.port) as carrier:
        channel = MailChannel(
            carrier, (ADDRESS,), SENDER, DOMAIN, lambda: NOW, draw=lambda _: picture
        )
        begun = time.perf_counter()
        delivered = deliver(partial(writing, engine), {"people": channel}, lambda: NOW)
        took_s = time.perf_counter() - begun
    engine.dispose()
    taken = server.taken()
    wrong = [f"{many - delivered.sent} were not sent"] if delivered.sent != many else []
    wrong += [f"{each} arrived {times} times" for each, times in taken.items() if times != 1]
    wrong += [f"{many - len(taken)} did not arrive"] if len(taken) != many else []
    return took_s, wrong


def alone(many: int, picture: Picture | None) -> float:
    """Hand the same mails in with smtplib, rendered before; return the seconds."""
    server = LocalServer()
    envelope = Envelope(SENDER, ADDRESS, DOMAIN)
    mails = [render_mail(each, envelope, picture=picture) for each in notes(many)]
    with smtplib.SMTP("127.0.0.1", server.port) as smtp:
        begun = time.perf_counter()
        for mail in mails:
            smtp.send_message(mail)
        took_s = time.perf_counter() - begun
    server.taken()
    return took_s


def main() -> None:
    """Measure both kinds of mail."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mails", nargs="?", type=int, default=3_000)
    many = parser.parse_args().mails
    broken: list[str] = []
    chart = Picture(os.urandom(20_000), "a chart", "what it shows")
    for words, picture in (("text and HTML", None), ("with a chart of 20 KB", chart)):
        with TemporaryDirectory() as folder:
            took_s, wrong = through_the_outbox(Path(folder), many, picture)
        plain_s, a_minute = alone(many, picture), many / took_s * 60
        print(
            f"{words:<24} {many:,} mails in {took_s:6.2f} s: {a_minute:8,.0f} a minute (aim "
            f"{LEAST_A_MINUTE:,}), {took_s / plain_s:.1f} x smtplib alone",
            flush=True,
        )
        broken += wrong
        broken += [f"{words}: too slow"] if a_minute < LEAST_A_MINUTE else []
    for each in broken[:10]:
        print(f"BROKEN: {each}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
