"""What the service says of itself, and not of an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alerts.names import safe_name
from alerts.notice import Action, Line, Message
from alerts.numbers import count

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_PROBLEMS, _PROBLEM = 5, 300


def stopped_message(why: str) -> Message:
    """Return that nothing is judged any more, so that nobody takes silence for calm.

    Parameters
    ----------
    why : str
        One sentence without its full stop.
    """
    return Message(
        tone="critical",
        title=f"spendwatch judges nothing for now: {why}",
        lines=(
            Line("What", "no usage is pulled and no day judged; answers are still stored"),
            Line("Then", "it goes on by itself once this is put right, and catches up"),
        ),
        actions=(Action("look closer", "spendwatch status"),),
        reference="spendwatch itself",
    )


def refused_settings_message(problems: Sequence[str]) -> Message:
    """Return that new settings are refused, so that nobody takes them for those in force.

    Parameters
    ----------
    problems : sequence of str
        One sentence each; the first five are told.
    """
    told = [Line("Wrong", safe_name(each, _PROBLEM)) for each in problems[:_MOST_PROBLEMS]]
    more = len(problems) - len(told)
    return Message(
        tone="warning",
        title="spendwatch keeps its old settings: the new ones are refused",
        lines=(*told, *([Line("More", count(more, "other problem"))] if more else [])),
        actions=(Action("see all problems", "spendwatch check"),),
        reference="spendwatch itself",
    )


def address_stopped_message(receiver: str, address: str, why: str) -> Message:
    """Return that an address of a receiver gets nothing any more, as it is refused each time.

    Parameters
    ----------
    receiver : str
    address : str
    why : str
        What the other side said last.
    """
    whom, whose = safe_name(address), safe_name(receiver)
    return Message(
        tone="warning",
        title=f"{whom} gets no more mail of {whose}: it was refused three times in a row",
        lines=(
            Line("Why", safe_name(why, _PROBLEM)),
            Line("Then", "correct the address in the settings, or send to it again by the command"),
        ),
        actions=(Action("send to it again", f"spendwatch recipients resume {whose} {whom}"),),
        reference="spendwatch itself",
    )


def unsubscribed_message(receiver: str, address: str) -> Message:
    """Return that somebody asked to be left out of what a receiver is told.

    Parameters
    ----------
    receiver : str
    address : str
    """
    whom, whose = safe_name(address), safe_name(receiver)
    return Message(
        tone="notice",
        title=f"{whom} gets no more mail of {whose}, as asked for from a mail",
        lines=(
            Line("Then", "take the address out of the settings, or ask its owner to come back"),
        ),
        actions=(Action("send to it again", f"spendwatch recipients resume {whose} {whom}"),),
        reference="spendwatch itself",
    )


def unclean_stop_message(died: str, back: str, away: str, days: int, messages: int) -> Message:
    """Return that the service was gone without having been asked to end, and is back.

    Parameters
    ----------
    died : str
        When it was last heard of.
    back : str
        Since when it runs again.
    away : str
        How long that was.
    days : int
        How many days are judged late.
    messages : int
        How many messages wait.
    """
    late = [
        *([f"{count(days, 'day')} judged late"] if days else []),
        *([f"{count(messages, 'message')} sent late"] if messages else []),
    ]
    return Message(
        tone="warning",
        title=f"spendwatch was gone for {away}, and is back: it did not end as it should",
        lines=(
            Line("Gone", f"last heard of {died}: killed, out of memory, or its machine stopped"),
            Line("Back", f"since {back}"),
            Line("Now", f"it catches up: {', '.join(late)}" if late else "nothing was missed"),
        ),
        actions=(Action("look closer", "spendwatch status"),),
        reference="spendwatch itself",
    )


def trial_message(receiver: str, actor: str) -> Message:
    """Return a message that only shows that a receiver can be reached.

    Parameters
    ----------
    receiver : str
    actor : str
        Who asked for it.
    """
    return Message(
        tone="notice",
        title="test message from spendwatch: nothing happened, and there is nothing to do",
        lines=(
            Line("What", f"alerts for {safe_name(receiver)} arrive here"),
            Line("By", f"{safe_name(actor)}, with `spendwatch test-send`"),
        ),
        actions=(Action("see who is told of what", "spendwatch routes explain"),),
        reference="test message",
    )
