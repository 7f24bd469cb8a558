"""A mail server and a program that fail by chance, and what both have taken.

Each fault is one that does no harm by itself: an answer that says "later", one that comes late, a
connection that is cut before what was said was taken, or after, which looks the same from outside.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.mail.local import LocalMail, mail_server
from tests.outbound.receiving import Heard, Receiving, receiving

MAIL, PROGRAM = "people", "program"
DOMAIN = "example.com"
ADDRESSES = (f"ann@{DOMAIN}", f"bob@{DOMAIN}")
SECRET = "whsec_" + "dG9ydHVyZS1vZi10aGUtd2ViaG9va3M0NTY3"
SETTINGS = """
[[receivers]]
kind = "email"
name = "{mail}"
addresses = ["{addresses[0]}", "{addresses[1]}"]
digest = "off"
[[receivers]]
kind = "webhook"
name = "{program}"
url = "http://127.0.0.1:{program_port}/in"
digest = "off"

[email]
sender = "spendwatch@{domain}"
host = "127.0.0.1"
port = {mail_port}
security = "none"
timeout_s = 1
[outbound]
private_hosts = ["127.0.0.1"]
timeout_s = 1
"""
PROBABILITY = 0.08
SLOW_S = 1.5
"""An answer takes at most so long, and is waited for one second."""
SLOW, SLOW_AFTER = "slow", "slow after"
SENDER_FAULTS = ("451 not now", "421 too busy")
DATA_FAULTS = (*SENDER_FAULTS, "drop", "drop after", SLOW, SLOW_AFTER)
PROGRAM_FAULTS: dict[str, tuple[int, dict[str, str]] | str] = {
    "500": (500, {}),
    "429": (429, {"Retry-After": "1"}),
    "503": (503, {"Retry-After": "1"}),
    "drop": "drop",
    "drop after": "drop",
    SLOW: (200, {}),
    SLOW_AFTER: (200, {}),
}
TAKEN_WITH = ("", "drop after", SLOW, SLOW_AFTER)


@dataclass
class Faults:
    """What goes wrong by chance, from the same seed in the same order, while anything shall."""

    seed: int
    probability: float = 0.0
    counted: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - what happens, no secret

    def pick(self, kinds: Sequence[str], part: float = 1.0) -> str:
        """Pick a fault, or none; ``part`` makes it rarer."""
        if self.chance.random() >= self.probability * part:
            return ""
        fault = self.chance.choice(kinds)
        self.counted[fault] += 1
        return fault

    def late_s(self) -> float:
        """Say how long an answer takes."""
        return self.chance.uniform(0.1, SLOW_S)


class FaultyMail(LocalMail):
    """A mail server that fails by chance."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    async def handle_MAIL(self, *told: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Refuse the sender for now, rarely: a process gets no mail out for a minute by that."""
        if fault := self.faults.pick(SENDER_FAULTS, 0.1):
            self.answers.mail_from.append(fault)
        return await super().handle_MAIL(*told)

    async def handle_RCPT(self, *told: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Refuse the recipient for now."""
        if fault := self.faults.pick(SENDER_FAULTS, 0.5):
            self.answers.rcpt.append(fault)
        return await super().handle_RCPT(*told)

    async def handle_DATA(self, *told: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Fail in any way; a client that has gone meanwhile ends what is waited for here."""
        fault = self.faults.pick(DATA_FAULTS)
        if fault == SLOW:
            await asyncio.sleep(self.faults.late_s())
        elif fault and fault != SLOW_AFTER:
            self.answers.data.append(fault)
        answer = await super().handle_DATA(*told)
        if fault == SLOW_AFTER:
            await asyncio.sleep(self.faults.late_s())
        return answer


@dataclass
class FaultyProgram(Receiving):
    """A program that fails by chance; ``taken`` is what it has kept."""

    faults: Faults = field(default_factory=lambda: Faults(0))
    taken: list[Heard] = field(default_factory=list)

    def answer_to(self, heard: Heard) -> tuple[int, dict[str, str]] | str:
        """Keep what was heard, or fail, or both."""
        fault = self.faults.pick(tuple(PROGRAM_FAULTS))
        if fault == SLOW:
            time.sleep(self.faults.late_s())
        if fault in TAKEN_WITH:
            self.taken.append(heard)
        if fault == SLOW_AFTER:
            time.sleep(self.faults.late_s())
        return PROGRAM_FAULTS.get(fault, (200, {}))


@dataclass(frozen=True)
class Elsewhere:
    """Who is told beside Slack."""

    mail: FaultyMail
    program: FaultyProgram
    settings: str

    def fail(self) -> None:
        """Let things go wrong."""
        self.mail.faults.probability = self.program.faults.probability = PROBABILITY

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.mail.faults.probability = self.program.faults.probability = 0.0

    @property
    def faults(self) -> dict[str, int]:
        """How much went wrong, in each way."""
        both = {"mail": self.mail.faults, "webhook": self.program.faults}
        return {way: faults.counted.total() for way, faults in both.items()}


@contextmanager
def elsewhere(seed: int) -> Iterator[Elsewhere]:
    """Have a mail server and a program on this machine."""
    mail, program = FaultyMail(Faults(seed)), FaultyProgram(faults=Faults(seed + 1))
    with mail_server(security="none", mail=mail) as (_, port), receiving(found=program):
        settings = SETTINGS.format(
            mail=MAIL, program=PROGRAM, addresses=ADDRESSES, domain=DOMAIN,
            mail_port=port, program_port=program.port,
        )  # fmt: skip
        yield Elsewhere(mail, program, settings)
