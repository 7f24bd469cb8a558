"""What Slack says a person did, read with suspicion: anything of another shape is nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alerts.names import safe_name
from alerts.render.slack_views import NOTE, UNTIL, VERDICT, Place, read_place

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEXT = 3_000
"""Longer than anything that Slack lets a person type into one field."""
_NAME = 80


@dataclass(frozen=True, slots=True)
class Person:
    """Who did it, and from which workspace; a guest of a shared conversation is from another."""

    id: str
    name: str
    workspace: str
    home: str

    @property
    def actor(self) -> str:
        """How the answer is signed: the name as it was then, and the id that stays."""
        return f"{safe_name(self.name, _NAME)} ({self.id})"


@dataclass(frozen=True, slots=True)
class Press:
    """A button, or a choice from a menu.

    Attributes
    ----------
    value : str
        What the button holds, or what was chosen.
    place : Place or None
        Of the view it is in; None where it is in a message.
    channel, ts : str
        Of the message it is in; empty where it is in a view.
    modal : str
        The id of the form it is in; empty where it is in none.
    """

    person: Person
    app: str
    action: str
    value: str
    trigger: str
    channel: str = ""
    ts: str = ""
    place: Place | None = None
    modal: str = ""


@dataclass(frozen=True, slots=True)
class Submission:
    """A form that was sent; ``until`` is a date as it was chosen, empty where none was."""

    person: Person
    app: str
    place: Place
    verdict: str
    note: str
    until: str = ""
    note_block: str = NOTE
    verdict_block: str = VERDICT
    until_block: str = UNTIL


@dataclass(frozen=True, slots=True)
class HomeOpened:
    """Somebody looks at the app's home page."""

    person: Person
    app: str


@dataclass(frozen=True, slots=True)
class Command:
    """Something typed behind ``/spendwatch``; ``response_url`` is where Slack takes the answer."""

    person: Person
    app: str
    text: str
    channel: str
    response_url: str


Deed = Press | Submission | HomeOpened | Command


def read(kind: str, payload: Any) -> Deed | None:
    """Return what a person did; None where nothing of ours was done, or it cannot be read.

    Parameters
    ----------
    kind : str
        Of the envelope: ``interactive``, ``slash_commands``, ``events_api``.
    payload : object
        As it came.
    """
    try:
        return _read(kind, payload)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _read(kind: str, payload: Mapping[str, Any]) -> Deed | None:
    if kind == "slash_commands":
        return _command(payload)
    if kind == "events_api":
        return _home(payload)
    if kind == "interactive" and payload["type"] == "block_actions":
        return _press(payload)
    if kind == "interactive" and payload["type"] == "view_submission":
        return _submission(payload)
    return None


def _person(payload: Mapping[str, Any]) -> Person:
    user, workspace = payload["user"], _text(payload["team"]["id"])
    name = _text(user.get("name") or user.get("username") or "")
    return Person(_id(user["id"]), name, workspace, _text(user.get("team_id") or workspace))


def _press(payload: Mapping[str, Any]) -> Press | None:
    action = payload["actions"][0]
    chosen = (action.get("selected_option") or {}).get("value")
    view, container = payload.get("view") or {}, payload.get("container") or {}
    return Press(
        person=_person(payload),
        app=_text(payload.get("api_app_id") or ""),
        action=_text(action["action_id"]),
        value=_text(chosen if chosen is not None else action.get("value") or ""),
        trigger=_text(payload.get("trigger_id") or ""),
        channel=_text((payload.get("channel") or {}).get("id") or ""),
        ts=_text(container.get("message_ts") or ""),
        place=read_place(_text(view.get("private_metadata") or "")) if view else None,
        modal=_text(view.get("id") or "") if view.get("type") == "modal" else "",
    )


def _submission(payload: Mapping[str, Any]) -> Submission | None:
    view = payload["view"]
    place = read_place(_text(view["private_metadata"]))
    if place is None:
        return None
    values = view["state"]["values"]
    found = {
        name: (block, field) for block, fields in values.items() for name, field in fields.items()
    }
    verdict_block, verdict = found[VERDICT]
    note_block, note = found.get(NOTE, (NOTE, {}))
    until_block, until = found.get(UNTIL, (UNTIL, {}))
    chosen = verdict.get("selected_option") or {}
    return Submission(
        person=_person(payload),
        app=_text(payload.get("api_app_id") or ""),
        place=place,
        verdict=_text(chosen.get("value") or ""),
        note=_text(note.get("value") or ""),
        until=_text(until.get("selected_date") or ""),
        note_block=_text(note_block),
        verdict_block=_text(verdict_block),
        until_block=_text(until_block),
    )


def _home(payload: Mapping[str, Any]) -> HomeOpened | None:
    event = payload["event"]
    if event["type"] != "app_home_opened" or event.get("tab", "home") != "home":
        return None
    workspace = _text(payload["team_id"])
    person = Person(_id(event["user"]), "", workspace, workspace)
    return HomeOpened(person, _text(payload.get("api_app_id") or ""))


def _command(payload: Mapping[str, Any]) -> Command:
    workspace = _text(payload["team_id"])
    name = _text(payload.get("user_name") or "")
    return Command(
        person=Person(_id(payload["user_id"]), name, workspace, workspace),
        app=_text(payload.get("api_app_id") or ""),
        text=_text(payload.get("text") or ""),
        channel=_text(payload["channel_id"]),
        response_url=_text(payload.get("response_url") or ""),
    )


def _id(value: Any) -> str:
    found = _text(value)
    if not found:
        raise ValueError("nobody did it")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value[: MOST_TEXT + 1]
