"""Which rights the bot needs, and what does not work without each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spendwatch.live import Mark, Seen
from spendwatch.slack.allowing import GROUP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ABOUT = "slack scopes"
ADD_IT = "add it in the app's settings (OAuth & Permissions), then install the app again"
_KINDS = {
    "channels": "public conversations",
    "groups": "private conversations",
    "im": "direct messages",
    "mpim": "group messages",
}


def missing_rights(
    scopes: frozenset[str] | None, kinds: frozenset[str], may_answer: Sequence[str]
) -> Iterator[Seen]:
    """Name each right that is needed and not there; ``kinds`` are those of the conversations."""
    if scopes is None:
        words = "Slack does not say what the token may do; `spendwatch test-send` tries it"
        yield Seen(ABOUT, Mark.WARNING, words)
        return
    needed = tuple(_needed(kinds, may_answer))
    missing = [each for each in needed if each[0] not in scopes]
    for scope, mark, lacks in missing:
        yield Seen(ABOUT, mark, f"{scope} is missing: {lacks}; {ADD_IT}")
    if not missing:
        yield Seen(ABOUT, Mark.OK, f"all are there: {', '.join(scope for scope, *_ in needed)}")


def _needed(kinds: frozenset[str], may_answer: Sequence[str]) -> Iterator[tuple[str, Mark, str]]:
    """Say what is needed, how grave it is to lack it, and what does not work then."""
    yield "chat:write", Mark.WRONG, "no message can be sent"
    for kind in sorted(kinds):
        words = f"a message to {_KINDS[kind]} whose answer was lost may be sent twice"
        yield f"{kind}:history", Mark.WARNING, words
    for kind in sorted(kinds):
        words = f"of {_KINDS[kind]} this check cannot tell whether the bot is in them"
        yield f"{kind}:read", Mark.WARNING, words
    yield "files:write", Mark.WARNING, "messages come without charts"
    if any(not each.startswith(GROUP) for each in may_answer):
        words = "whether the people of may_answer exist cannot be told"
        yield "users:read", Mark.WARNING, words
    if any(each.startswith(GROUP) for each in may_answer):
        yield "usergroups:read", Mark.WRONG, "nobody can answer by a group of may_answer"
