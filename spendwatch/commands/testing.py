"""`spendwatch test-send`: whether a receiver can be reached, tried for real."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from alerts.channels.base import ChannelError
from alerts.codec import encode
from alerts.model import Reason
from alerts.notice import Notification
from alerts.numbers import count, moment
from alerts.service_words import trial_message
from spendwatch.channels import build_channels
from spendwatch.commands.opening import acting_user, open_app
from spendwatch.exits import UsageProblem
from spendwatch.output import print_json, print_line
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from alerts.channels.base import Channel
    from alerts.notice import Receipt
    from spendwatch.app import App
    from spendwatch.settings import AnyReceiver


def send(config: Path, name: str, *, as_json: bool) -> None:
    """Send a test message past the outbox; raises ChannelError where it did not arrive."""
    app = open_app(config)
    receiver = _named(name, app.settings.receivers)
    channel = build_channels(app, sys.stderr if as_json else sys.stdout)[receiver.name]
    where = f"{receiver.name} ({receiver.kind}, {receiver.place})"
    test = _test_of(receiver.name, app)
    copies = [replace(test, recipient=each) for each in channel.recipients] or [test]
    receipts, failures = _send_each(channel, copies)
    channel.rest()
    if failures:
        others = f"; {count(len(receipts), 'other')} got it" if receipts else ""
        raise ChannelError(
            f"the test message to {where} was not sent: {'; '.join(failures)}{others}"
        )
    if as_json:
        receipt = encode(receipts[0])
        print_json(receipt | {"kind": receiver.kind, "place": receiver.place})
        return
    print_line(f"sent a test message to {where} at {moment(receipts[0].sent_at)}")
    kept = ", ".join(receipt.reference for receipt in receipts)
    print_line(f"it is kept there as {kept}; it is no alert, and nothing is stored")


def _send_each(channel: Channel, copies: Iterable[Notification]) -> tuple[list[Receipt], list[str]]:
    """Send each copy, whatever becomes of the others; return receipts, and what went wrong."""
    receipts, failures = [], []
    for each in copies:
        try:
            receipts.append(channel.send(each))
        except ChannelError as error:
            failures.append(f"{each.recipient}: {error}" if each.recipient else str(error))
    return receipts, failures


def _test_of(receiver: str, app: App) -> Notification:
    now = app.clock()
    message = trial_message(receiver, acting_user(""))
    key = f"test:{receiver}:{now.isoformat()}"
    return Notification(key, None, receiver, Reason.SERVICE, message, now)


def _named(name: str, receivers: Iterable[AnyReceiver]) -> AnyReceiver:
    known = {receiver.name: receiver for receiver in receivers}
    if name not in known:
        raise UsageProblem(
            f"no receiver is called {name!r}; there is {', '.join(known)}{nearest(name, known)}"
        )
    return known[name]
