"""`spendwatch outbox`: what did not go out is listed, asked for again, or dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts import settling
from alerts.codec import encode
from alerts.delivery import LEASE
from alerts.names import safe_name, says_nothing
from alerts.numbers import count, moment
from alerts.outbox import Act, Asked
from alerts.outbox_queries import NotificationState
from alerts.replies import MAX_NOTE
from spendwatch.commands.looking_up import message_words, require_member
from spendwatch.commands.opening import acting_user, open_app
from spendwatch.db import reading, writing
from spendwatch.exits import UsageProblem
from spendwatch.output import print_json, print_line, print_table

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from alerts.settling import Entry

_COLUMNS = (
    "number", "created", "receiver", "alert", "reason", "state", "attempts", "next try", "error",
)  # fmt: skip


def list_entries(config: Path, state: str, *, everything: bool, as_json: bool) -> None:
    """List what stands in the outbox, the newest problem first."""
    app = open_app(config)
    states: tuple[NotificationState, ...] = settling.UNSETTLED
    if state or everything:
        states = (
            (require_member(NotificationState, state, "--state"),)
            if state
            else tuple(NotificationState)
        )
    with reading(app.engine) as session:
        found = settling.entries(session, states)
    if as_json:
        print_json([_facts(each) for each in found])
        return
    now = app.clock()
    print_table(_COLUMNS, [_row(each, now) for each in found], words=len(_COLUMNS))
    if not found:
        print_line(
            "no messages" if state or everything else "nothing waits; --all shows what was sent"
        )


def retry(config: Path, number: int | None, actor: str, *, dead: bool, as_json: bool) -> None:
    """Make one, or every dead letter, due now."""
    if (number is None) is not dead:
        raise UsageProblem(
            "say which: either a number that `spendwatch outbox list` shows, or --dead for all "
            "that were given up"
        )
    app = open_app(config)
    act = Act(Asked.RETRY, acting_user(actor), app.clock())
    with writing(app.engine) as session:
        if number is None:
            found = settling.retry_dead(session, act)
        else:
            found = (settling.retry(session, number, act),)
    if as_json:
        print_json([_facts(each) for each in found])
        return
    for each in found:
        print_line(f"{message_words(each)} is due now")
    later = "; the next `spendwatch once` sends what is due" if found else ""
    print_line(f"{count(len(found), 'message')} queued again{later}")


def drop(config: Path, number: int, note: str, actor: str, *, as_json: bool) -> None:
    """Decide that one never goes out."""
    if says_nothing(note) or len(note.strip()) > MAX_NOTE:
        raise UsageProblem(
            f"--note must say why, in at most {MAX_NOTE:,} characters: the message is lost for good"
        )
    app = open_app(config)
    act = Act(Asked.DROP, acting_user(actor), app.clock(), note.strip())
    with writing(app.engine) as session:
        dropped = settling.drop(session, number, act, act.at - LEASE)
    if as_json:
        print_json(_facts(dropped))
    else:
        print_line(f"{message_words(dropped)} is dropped and never sent")


def _facts(entry: Entry) -> dict[str, Any]:
    facts: dict[str, Any] = encode(entry)
    return facts | {"alert": _alert(entry) or None}


def _row(entry: Entry, now: datetime) -> list[str]:
    return [
        str(entry.number),
        moment(entry.created_at),
        entry.receiver,
        _alert(entry) or "(many)",
        entry.reason.value,
        entry.state.value,
        str(entry.attempts),
        _next_try(entry, now),
        _words(entry),
    ]


def _alert(entry: Entry) -> str:
    return f"A-{entry.alert_number}" if entry.alert_number else ""


def _next_try(entry: Entry, now: datetime) -> str:
    if entry.due_at is not None:
        return moment(entry.due_at) if entry.due_at > now else "due now"
    return "in its turn" if entry.state is NotificationState.NEW else ""


def _words(entry: Entry) -> str:
    """Say what went wrong, and what a person last did about it."""
    if not entry.acts:
        return entry.error
    last = entry.acts[-1]
    if last.asked is Asked.DROP:
        return f"dropped by {safe_name(last.actor)}: {last.note}"
    again = f"asked for again by {safe_name(last.actor)}"
    return f"{entry.error}; {again}" if entry.error else again
