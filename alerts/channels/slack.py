"""Messages in one Slack conversation: posted once, changed in place, with their news below them.

Slack has no key that would keep a message from being posted twice. So every message carries an
opaque key in its metadata, and what may have been posted is looked for among what is there.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from alerts.channels.base import ChannelError
from alerts.channels.opaque import opaque
from alerts.channels.slack_account import EDIT, LOOK, OTHER, POST, SlackFailure
from alerts.channels.slack_faults import Fault, Kind
from alerts.messages import repeated_message
from alerts.model import Reason
from alerts.notice import Notification, Receipt
from alerts.render.slack import render_plain, render_slack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alerts.channels.slack_account import SlackAccount
    from alerts.notice import Message, Picture

EVENT = "spendwatch_notification"
_PAGE = 200
_BEFORE = timedelta(hours=1)
"""How far before a message was written it is looked for: clocks differ."""
_LOUD = frozenset({Reason.NEW, Reason.WORSE, Reason.REMINDER})
"""What is shown in the conversation too, though it stands in a thread."""


class SlackChannel:
    """One conversation, of one account.

    ``settles`` is how long what was posted may stay unseen by a look at the history.
    ``on_fault`` is told of what should not happen: a message that Slack does not take as it is.
    """

    def __init__(
        self,
        account: SlackAccount,
        conversation: str,
        *,
        settles: timedelta = timedelta(seconds=60),
        on_fault: Callable[[str], None] = lambda _words: None,
    ) -> None:
        self.settles = settles
        self.recipients: tuple[str, ...] = ()
        self.conversation = conversation
        self._account = account
        self._on_fault = on_fault
        self._blind = False

    @property
    def down(self) -> str:
        """Why the token is refused; empty while it is accepted."""
        return self._account.refused

    def wait_s(self, *, edit: bool = False, answered: bool = False) -> float:
        """Return for how many seconds nothing may be posted, or changed."""
        if edit:
            return self._account.wait_s(EDIT, first=answered)
        return self._account.wait_s(POST, self.conversation)

    def send(
        self, notification: Notification, root: Receipt | None = None, *, again: int = 0
    ) -> Receipt:
        """Post a message, below its root where it has one."""
        message = notification.message
        if again and self._blind:
            message = repeated_message(message)
        thread = {"thread_ts": _ts(root), "reply_broadcast": _is_loud(notification)} if root else {}
        key = opaque(notification.key)
        answer = self._post(
            message,
            notification.alert_number,
            metadata={"event_type": EVENT, "event_payload": {"key": key}},
            client_msg_id=key,
            **thread,
        )
        return self._receipt(notification.receiver, answer, in_thread=bool(root))

    def find(
        self, notification: Notification, since: datetime, root: Receipt | None = None
    ) -> Receipt | None:
        """Look for a message below its root, where it has one, and in the history.

        What was meant for below a message that was removed meanwhile stands by itself.
        """
        key = opaque(notification.key)
        try:
            for each in self._all_written(since - _BEFORE, root):
                payload = (each.get("metadata") or {}).get("event_payload") or {}
                if payload.get("key") == key:
                    answer = {"channel": self.conversation, "ts": each["ts"], "message": each}
                    return self._receipt(notification.receiver, answer, in_thread=bool(root))
        except SlackFailure as failure:
            if failure.fault.kind is not Kind.SCOPE:
                raise failure.fault.as_error() from failure
            self._blind = True
            self._on_fault(f"what was posted cannot be looked up: {failure}")
        return None

    def update(self, receipt: Receipt, notification: Notification) -> Receipt:
        """Change a message; to change it twice does no harm."""
        place = {"channel": _channel(receipt), "ts": _ts(receipt)}
        self._call_with_body(
            EDIT, "chat_update", notification.message, notification.alert_number, place
        )
        return receipt

    def rest(self) -> None:
        """Hold nothing."""

    def attach(self, root: Receipt, picture: Picture) -> str:
        """Upload a picture below a message."""
        try:
            answer = self._account.call(
                OTHER,
                "files_upload_v2",
                channel=_channel(root),
                thread_ts=_ts(root),
                filename="chart.png",
                content=picture.png,
                title=picture.title,
                alt_txt=picture.words,
            )
        except SlackFailure as failure:
            raise failure.fault.as_error() from failure
        files = answer.get("files") or [{}]
        return str(files[0].get("id") or "")

    def _post(self, message: Message, number: int | None, **extra: Any) -> dict[str, Any]:
        place = {"channel": self.conversation, "unfurl_links": False, "unfurl_media": False}
        return self._call_with_body(POST, "chat_postMessage", message, number, place | extra)

    def _call_with_body(
        self, kind: str, method: str, message: Message, number: int | None, place: dict[str, Any]
    ) -> dict[str, Any]:
        """Call with the message as it should look, or, where Slack refuses that, with its text."""
        body = render_slack(message, number)
        about = self.conversation if kind == POST else ""
        arguments = {**place, "parse": "none", "link_names": False}
        try:
            looks = {"text": body.text, "blocks": body.blocks}
            return self._account.call(kind, method, about, **arguments, **looks)
        except SlackFailure as failure:
            if failure.fault.kind is not Kind.REFUSED:
                raise failure.fault.as_error() from failure
            self._on_fault(f"Slack does not take the blocks of a message: {failure}")
        try:
            plain = {"text": render_plain(message), "blocks": []}
            return self._account.call(kind, method, about, **arguments, **plain)
        except SlackFailure as failure:
            raise failure.fault.as_error() from failure

    def _all_written(self, since: datetime, root: Receipt | None) -> Iterator[dict[str, Any]]:
        """Go through what was posted below a root, if that is still there, then outside of it."""
        try:
            if root:
                yield from self._written(since, root)
        except SlackFailure as failure:
            if failure.fault.kind is not Kind.GONE:
                raise
        yield from self._written(since, None)

    def _written(self, since: datetime, root: Receipt | None) -> Iterator[dict[str, Any]]:
        """Go through what was posted since, all pages of it, oldest page last."""
        where: dict[str, Any] = {"channel": self.conversation, "oldest": f"{since.timestamp():.6f}"}
        method = "conversations_replies" if root else "conversations_history"
        if root:
            where["ts"] = _ts(root)
        cursor = ""
        while True:
            if wait_s := self._account.wait_s(LOOK):
                words = "the history was looked at too often"
                raise SlackFailure(Fault(Kind.LIMITED, words, wait_s))
            answer = self._account.call(
                LOOK, method, limit=_PAGE, cursor=cursor, include_all_metadata=True, **where
            )
            yield from answer.get("messages") or ()
            cursor = (answer.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _receipt(self, receiver: str, answer: dict[str, Any], *, in_thread: bool) -> Receipt:
        """Take what Slack answered as proof, if it is one."""
        channel, ts = answer.get("channel"), str(answer.get("ts") or "")
        if channel != self.conversation or not _is_ts(ts):
            raise ChannelError(f"Slack: an answer without its message: {str(answer)[:200]}")
        # Below a message that somebody deleted, Slack posts without a word outside of any thread.
        message = answer.get("message")
        below = in_thread and (not isinstance(message, dict) or _is_below(message, ts))
        sent_at = datetime.fromtimestamp(float(ts), UTC)
        return Receipt(receiver, f"{channel}:{ts}", sent_at, stands=not below)


def _is_loud(notification: Notification) -> bool:
    return notification.reason in _LOUD and not notification.thread_of


def _channel(receipt: Receipt) -> str:
    return receipt.reference.partition(":")[0]


def _ts(receipt: Receipt) -> str:
    return receipt.reference.partition(":")[2]


def _is_below(message: dict[str, Any], ts: str) -> bool:
    """Whether a message stands below another; one with something below it names itself."""
    return bool(message.get("thread_ts", ts) != ts)


def _is_ts(text: str) -> bool:
    whole, _, rest = text.partition(".")
    return whole.isdigit() and rest.isdigit()
