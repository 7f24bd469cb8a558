"""A storm in Slack: what people wait for meanwhile, how much is posted, how long nobody is heard.

The service is the real one with its default settings, the SDK too; Slack is the strict local one
of the tests at its real rates: one message a second in a conversation. Each figure is printed with
its aim. Left with 1 where a promise is broken: counts, never times. Run as
``python -m benchmarks.slack_storm [storm] [posts] [deaf]``.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from datetime import timedelta
from threading import Thread
from typing import TYPE_CHECKING

from tests.process.slack_deaf import deaf
from tests.process.slack_load import PEOPLE, in_slack, settled, tenants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.process.slack_load import Load
    from tests.slack.state import Envelope, Message

ALERTS, CONVERSATIONS, MOST_POSTS = 10_000, 3, 6
SINGLE, ANSWERS, ANSWER_EVERY_S = 60, 40, 2.0
SHOWN_WITHIN_S = 90.0
NO_TIME = math.nan


def line(what: str, figure: str, aim: str) -> None:
    """Print a figure."""
    print(f"  {what:<52} {figure:<34} {aim}", flush=True)


def promise(what: str, found: int, most: int = 0) -> list[str]:
    """Print a count that may not be more; say so where it is."""
    line(what, f"{found}", f"promise: {'at most ' if most else ''}{most}")
    return [f"{what}: {found}"] if found > most else []


def spread(seconds: Sequence[float]) -> str:
    """Sum up how long something took."""
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    middle = statistics.median(ordered)
    return f"p50 {middle:.2f} s, p95 {p95:.2f} s, max {ordered[-1]:.2f} s"


# The storm


def storm() -> list[str]:
    """Take in ten thousand alerts at once while people answer others."""
    with in_slack(CONVERSATIONS) as load, load.serving():
        singles, day = tenants(SINGLE, CONVERSATIONS, "single"), settled(load.app)
        load.take_in(day, singles, group_above=1_000, cents=10_000)
        load.wait_until_told(120)
        before, memory_mb = load.slack.posted(), load.memory_mb()
        answering = _Answering(load, [each for each in before if not each.thread_ts][:ANSWERS])
        answering.start()
        many = tenants(ALERTS - SINGLE, CONVERSATIONS)
        # All that goes on gets worse within bounds: its messages are changed, as on every day.
        took_s = load.take_in(
            day + timedelta(days=1), [*many, *singles], group_above=5, cents=12_000
        )
        empty_s = load.wait_until_told(300)
        answering.join()
        again = answering.press_again()
        _told(load, memory_mb, took_s, empty_s)
        line('told "not saved, try again" while a run was written', f"{again} of {ANSWERS}", "")
        return [*_posts(load, before), *_answered(load, answering), *_sound(load)]


class _Answering(Thread):
    """People who press, one after the other, each for another alert."""

    def __init__(self, load: Load, messages: Sequence[Message]) -> None:
        super().__init__()
        self.load, self.messages = load, messages
        self.pressed: list[tuple[str, Message, Envelope, float]] = []

    def run(self) -> None:
        """Press, at a steady pace."""
        begun = time.monotonic()
        for number, message in enumerate(self.messages):
            time.sleep(max(0.0, begun + number * ANSWER_EVERY_S - time.monotonic()))
            person = PEOPLE[number]
            self.pressed.append((person, message, *self.load.press(message, person)))

    def press_again(self) -> int:
        """Let those press again who were told that their answer was not saved."""
        told = self.load.not_saved()
        for at, (person, message, _, _) in enumerate(self.pressed):
            if person in told:
                self.pressed[at] = (person, message, *self.load.press(message, person))
        return len(told)

    def shown_after_s(self) -> list[float]:
        """Return how long after each press the message showed the answer, if it does."""
        now = {(each.channel, each.ts): each for each in self.load.slack.posted()}
        return [
            min(
                (
                    version.at - at
                    for version in now[message.channel, message.ts].edits
                    if f"({person}) acknowledged it" in str(version.blocks)
                ),
                default=NO_TIME,
            )
            for person, message, _, at in self.pressed
        ]


def _told(load: Load, memory_mb: float, took_s: float, empty_s: float) -> None:
    line(f"{ALERTS:,} alerts of one run taken in", f"{took_s:.2f} s", "")
    line("until nothing waits any more", f"{empty_s:.1f} s", "")
    peak_mb = load.memory_mb("VmHWM")
    line("memory before, and at its peak", f"{memory_mb:.0f} MB, {peak_mb:.0f} MB", "")


def _posts(load: Load, before: Sequence[Message]) -> list[str]:
    known = {(each.channel, each.ts) for each in before}
    posted = [each for each in load.slack.posted() if (each.channel, each.ts) not in known]
    by_conversation = [
        sum(each.channel == conversation for each in posted) for conversation in load.conversations
    ]
    return promise("messages in one conversation", max(by_conversation), MOST_POSTS)


def _answered(load: Load, answering: _Answering) -> list[str]:
    until = time.monotonic() + SHOWN_WITHIN_S
    while time.monotonic() < until and any(math.isnan(each) for each in answering.shown_after_s()):
        time.sleep(1)
    shown_s = answering.shown_after_s()
    seen_s = [each for each in shown_s if not math.isnan(each)]
    acked = [person for person, _, envelope, _ in answering.pressed if envelope.acked]
    acks = [envelope.acks[0]["real_s"] for _, _, envelope, _ in answering.pressed if envelope.acks]
    line("from a press to its acknowledgement", spread(acks), "aim: 3 s at most")
    line("from a press to the changed message", spread(seen_s), "aim: p95 2 s")
    return [
        *promise("presses that were not acknowledged", len(answering.pressed) - len(acked)),
        *promise("answers that no message shows", len(shown_s) - len(seen_s)),
        *promise("answers that were acknowledged and are lost", len(load.answers_lost(acked))),
    ]


def _sound(load: Load) -> list[str]:
    wrong = load.not_told_once()
    for each in wrong[:10]:
        print(f"    {each}")
    return [
        *promise("messages not told exactly once", len(wrong)),
        *promise("refused because of too many calls (429)", load.slack.ratelimited),
        *promise("refused because of what it says", len(load.slack.rejections())),
    ]


# Many single messages


def posts(conversations: int, minutes: float, aim: str) -> list[str]:
    """Post single messages without an end for so long."""
    with in_slack(conversations) as load, load.serving():
        many = int(minutes * 75 * conversations)
        day = settled(load.app)
        load.take_in(day, tenants(many, conversations), group_above=many, cents=10_000)
        load.slack.wait_until(lambda local: local.posted(), 30)
        time.sleep(minutes * 60)
        at = sorted(message.versions[0].at for message in load.slack.posted())
        a_minute = sum(each < at[0] + minutes * 60 for each in at) / minutes
        where = "one conversation" if conversations == 1 else f"{conversations} conversations"
        line(f"messages a minute, {where}, {minutes:g} min", f"{a_minute:.1f}", aim)
        return [
            *promise("refused because of too many calls (429)", load.slack.ratelimited),
            *promise("refused because of what it says", len(load.slack.rejections())),
        ]


def main() -> None:
    """Measure all three, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help="storm, posts, deaf; all where none is named")
    parts = parser.parse_args().parts or ["storm", "posts", "deaf"]
    broken: list[str] = []
    if "storm" in parts:
        print(f"A storm of {ALERTS:,} alerts in {CONVERSATIONS} conversations")
        broken += storm()
    if "posts" in parts:
        print("Single messages, one after the other")
        broken += posts(1, 3, "aim: 55")
        broken += posts(6, 2, "aim: slack.posts_a_minute, 200")
    if "deaf" in parts:
        print("Deaf while the connection is renewed")
        broken += deaf(line, promise)
    for each in broken:
        print(f"BROKEN: {each}")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
