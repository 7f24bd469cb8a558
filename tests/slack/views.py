"""views.*: modals and Home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.slack.errors import SlackError
from tests.slack.identity import APP_ID, BOT_ID, TEAM_ID
from tests.slack.judge import check_view
from tests.slack.state import JSON, View

if TYPE_CHECKING:
    from tests.slack.workspace import Workspace

MOST_STACKED = 3


def open_view(slack: Workspace, arguments: JSON) -> JSON:
    """views.open."""
    check_view(arguments.get("view"), "modal")
    return _answer(slack, add_view(slack, _screen(slack, arguments), arguments["view"]))


def push(slack: Workspace, arguments: JSON) -> JSON:
    """views.push: on top of what the person has open."""
    check_view(arguments.get("view"), "modal")
    user = _screen(slack, arguments)
    stack = open_views(slack, user)
    if not stack:
        raise SlackError("not_found")
    return _answer(slack, push_view(slack, stack[-1], arguments["view"]))


def update(slack: Workspace, arguments: JSON) -> JSON:
    """views.update."""
    view = _found(slack, arguments)
    check_view(arguments.get("view"), "modal")
    if arguments.get("hash") not in (None, view.hash):
        raise SlackError("hash_conflict")
    slack.change_view(view, arguments["view"])
    return _answer(slack, view)


def publish(slack: Workspace, arguments: JSON) -> JSON:
    """views.publish."""
    user = str(arguments.get("user_id"))
    if user not in slack.users:
        raise SlackError("user_not_found")
    check_view(arguments.get("view"), "home")
    home = slack.homes.get(user)
    if home is not None and arguments.get("hash") not in (None, home.hash):
        raise SlackError("hash_conflict")
    if home is None:
        home = slack.homes[user] = slack.new_view(user, arguments["view"])
        slack.views[home.id] = home
    else:
        slack.change_view(home, arguments["view"])
    return _answer(slack, home)


def add_view(slack: Workspace, user: str, body: JSON, parent: View | None = None) -> View:
    """Put a modal before a person; one that was open gives way."""
    if parent is None:
        for each in open_views(slack, user):
            each.is_open = False
    view = slack.new_view(user, body, parent)
    slack.views[view.id] = view
    return view


def push_view(slack: Workspace, parent: View, body: JSON) -> View:
    """Put a modal on top of another."""
    if len(open_views(slack, parent.user)) >= MOST_STACKED:
        raise SlackError("push_limit_reached")
    return add_view(slack, parent.user, body, parent)


def open_views(slack: Workspace, user: str) -> list[View]:
    """The modals that a person has before them, the topmost last."""
    modals = (each for each in slack.views.values() if each.body["type"] == "modal")
    return [each for each in modals if each.user == user and each.is_open]


def _screen(slack: Workspace, arguments: JSON) -> str:
    return slack.use_trigger(arguments.get("trigger_id") or arguments.get("interactivity_pointer"))


def _found(slack: Workspace, arguments: JSON) -> View:
    view = slack.views.get(str(arguments.get("view_id")))
    external = arguments.get("external_id")
    if external:
        named = (each for each in slack.views.values() if each.body.get("external_id") == external)
        view = next(named, None)
    if view is None or not view.is_open or view.body["type"] != "modal":
        raise SlackError("not_found")
    return view


def _answer(slack: Workspace, view: View) -> JSON:
    return {"ok": True, "view": shown_view(view)}


def shown_view(view: View, state: Any = None) -> JSON:
    """Word a view as Slack hands it out."""
    optional = {"private_metadata": "", "callback_id": "", "external_id": ""}
    return {
        **optional,
        **view.body,
        "id": view.id,
        "team_id": TEAM_ID,
        "app_id": APP_ID,
        "bot_id": BOT_ID,
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "state": {"values": state or {}},
    }
