"""What opens over Slack when a button is pressed: why to dismiss, the whole story, a list, a word.

A view remembers in its ``private_metadata`` which alert it is about and where the message stands,
and nothing else: everything there comes back as it was sent, from the person's own machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts.letters import ELLIPSIS, cut, one_line
from alerts.model import Verb
from alerts.notice import Line
from alerts.numbers import count
from alerts.render.slack import OPEN, answer_buttons, icon_of
from alerts.render.slack_parts import (
    LINE,
    TITLE,
    actions,
    bullets,
    button,
    lines_of,
    option,
    paragraph,
    plain,
    rich,
    section,
    small_print,
    words,
)
from alerts.verdicts import LOOK_BACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from alerts.home import AlertEntry
    from alerts.model import Verdict
    from alerts.notice import Action
    from alerts.verdicts import Preview

    View = dict[str, Any]

VERDICT, UNTIL, NOTE = "verdict", "until", "note"
"""``block_id`` and ``action_id`` of the inputs of the dismissal."""
MAX_NOTE = 1_000
"""As in :mod:`alerts.replies`."""
_ROWS = 95
_STORY, _EACH = 12_000, 60
_ROW = 300
_NOTHING = "nothing was decided or answered so far"


@dataclass(frozen=True, slots=True)
class Place:
    """Which alert a view is about, and where the message stands that it came from.

    Attributes
    ----------
    channel, ts : str
        Slack's names of the conversation and of the message; empty where it came from none.
    """

    alert_number: int
    channel: str = ""
    ts: str = ""


def write_place(place: Place) -> str:
    """Return the ``private_metadata`` of a view.

    Parameters
    ----------
    place : Place
    """
    return json.dumps({"alert": place.alert_number, "channel": place.channel, "ts": place.ts})


def read_place(metadata: str) -> Place | None:
    """Return what a view remembers; None where that is nothing of ours.

    Parameters
    ----------
    metadata : str
        As it came back.

    Examples
    --------
    >>> read_place(write_place(Place(12, "C1", "1.2")))
    Place(alert_number=12, channel='C1', ts='1.2')
    >>> read_place("{}")
    """
    try:
        kept = json.loads(metadata)
    except ValueError:
        return None
    if not isinstance(kept, dict):
        return None
    number, channel, ts = kept.get("alert"), kept.get("channel"), kept.get("ts")
    if type(number) is not int or not isinstance(channel, str) or not isinstance(ts, str):
        return None
    return Place(number, channel, ts)


def dismiss_view(
    place: Place,
    title: str,
    previews: Sequence[Preview],
    note: str = "",
    chosen: Verdict | None = None,
) -> View:
    """Return the question why an alert is dismissed, with what each verdict would do.

    Parameters
    ----------
    place : Place
    title : str
        The alert's title.
    previews : sequence of Preview
        One for each verdict, in the order in which they are offered; at most 10.
    note : str
        What stands in the note already.
    chosen : Verdict, optional
        What is chosen already, where the verdict is only changed.

    Returns
    -------
    dict
        On submission ``state.values`` holds ``verdict`` (its value), ``until`` (a date, offered
        only where a verdict takes one) and ``note``.
    """
    blocks = [
        paragraph(f"A-{place.alert_number} {title}"),
        _verdicts(previews, chosen),
        *_effects(previews),
        *_until(previews),
        _note(note),
    ]
    view = _modal("Dismiss", blocks, close="Cancel", place=place)
    return view | {"callback_id": Verb.DISMISS.value, "submit": plain("Dismiss", TITLE)}


def story_view(
    place: Place, title: str, lines: Sequence[Line], offered: Sequence[Action] = ()
) -> View:
    """Return the whole story of an alert, with the answers that it takes now.

    Parameters
    ----------
    place : Place
    title : str
        The alert's title.
    lines : sequence of Line
        What happened, oldest first: the moment as the label. Where there is too much of it, the
        newest is shown.
    offered : sequence of Action
        Of the alert's message; their buttons have the same ids as there.
    """
    told = _newest(lines)
    left_out = len(lines) - len(told)
    earlier = [Line("", f"{ELLIPSIS} {left_out:,} earlier")] if left_out else []
    story = lines_of([*earlier, *told]) or lines_of([Line("", _NOTHING)])
    blocks = [
        paragraph(title),
        rich(*story),
        *actions(*answer_buttons(offered, place.alert_number)),
        small_print(f"the same in a terminal: spendwatch alerts why {place.alert_number}"),
    ]
    return _modal(f"A-{place.alert_number}", blocks, place=place)


def list_view(rows: Sequence[AlertEntry]) -> View:
    """Return a list of alerts, each with a button that opens it.

    Parameters
    ----------
    rows : sequence of AlertEntry
        In the order in which they are shown; of many the first 95, and how many more there are.
    """
    blocks = [*alert_rows(rows, _ROWS)] or [paragraph("No alert lasts. Nothing waits for you.")]
    return _modal(count(len(rows), "alert"), blocks)


def notice_view(said: str, title: str = "Not done") -> View:
    """Return one sentence for one person: why an answer was refused.

    Parameters
    ----------
    said : str
    title : str
        At most 24 letters are shown.
    """
    return _modal(title, [paragraph(said)])


def alert_rows(rows: Sequence[AlertEntry], most: int) -> Iterator[dict[str, Any]]:
    """Return a block for each alert, and one that says how many are not shown.

    Parameters
    ----------
    rows : sequence of AlertEntry
    most : int
        How many are shown.
    """
    for row in rows[:most]:
        said = f"{icon_of(row.tone, row.state)} A-{row.number} {row.title}"
        look = button(OPEN, "Open", str(row.number))
        yield {"type": "section", "text": plain(said, _ROW), "accessory": look}
    if len(rows) > most:
        yield small_print(f"and {len(rows) - most:,} more: spendwatch alerts list")


def _modal(
    title: str,
    blocks: Iterable[dict[str, Any]],
    *,
    close: str = "Close",
    place: Place | None = None,
) -> View:
    view = {
        "type": "modal",
        "title": plain(title, TITLE),
        "close": plain(close, TITLE),
        "blocks": list(blocks),
    }
    return view | {"private_metadata": write_place(place)} if place else view


def _verdicts(previews: Sequence[Preview], chosen: Verdict | None) -> dict[str, Any]:
    """Ask for the verdict, each with when to choose it."""
    options = {
        each.verdict: option(_spelled(each.verdict), each.verdict.value, each.meaning)
        for each in previews
    }
    element = {
        "type": "radio_buttons",
        "action_id": VERDICT,
        "options": list(options.values()),
    } | ({"initial_option": options[chosen]} if chosen in options else {})
    label = plain("What was it?", LINE)
    return {"type": "input", "block_id": VERDICT, "label": label, "element": element}


def _effects(previews: Sequence[Preview]) -> list[dict[str, Any]]:
    """Say what each verdict would do; once where all of them do the same."""
    if len({_effect(each) for each in previews}) == 1:
        return [paragraph(f"Whichever you choose: {_effect(previews[0])}")]
    items = (
        [words(_spelled(each.verdict), bold=True), words(f": {_effect(each)}")] for each in previews
    )
    return [rich(section(words("What each answer does")), bullets(items))]


def _effect(seen: Preview) -> str:
    return cut(one_line(f"{seen.effect}{seen.lasting}{_covered(seen)}"), LINE)


def _covered(seen: Preview) -> str:
    """Say how many of the alerts like it the same answer would have covered."""
    if not seen.others:
        return ""
    alike = count(seen.others, "other alert")
    many = f"{len(seen.covered):,}" if seen.covered else "none"
    return f"; would have covered {many} of {alike} like it in the last {LOOK_BACK.days} days"


def _until(previews: Sequence[Preview]) -> list[dict[str, Any]]:
    """Ask for the last day, where a verdict takes one; which do, its label says."""
    taking = [_spelled(each.verdict).lower() for each in previews if each.lasting]
    if not taking:
        return []
    label = plain(f"Last day (only for {' and '.join(taking)})", LINE)
    element = {"type": "datepicker", "action_id": UNTIL}
    asked = {"type": "input", "block_id": UNTIL, "label": label, "element": element}
    return [asked | {"optional": True}]


def _note(note: str) -> dict[str, Any]:
    element = {
        "type": "plain_text_input",
        "action_id": NOTE,
        "multiline": True,
        "max_length": MAX_NOTE,
    } | ({"initial_value": cut(note, MAX_NOTE)} if note else {})
    return {
        "type": "input",
        "block_id": NOTE,
        "label": plain("Note for whoever reads this later", LINE),
        "element": element,
        "optional": True,
    }


def _newest(lines: Sequence[Line]) -> list[Line]:
    """Take from the end what there is room for."""
    told: list[Line] = []
    room = _STORY
    for line in reversed(lines):
        room -= _EACH + len(line.label) + min(len(line.text), LINE)
        if room < 0:
            break
        told.insert(0, line)
    return told


def _spelled(verdict: Verdict) -> str:
    return verdict.value.replace("_", " ").capitalize()
