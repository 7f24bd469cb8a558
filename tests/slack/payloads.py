"""The payloads that tell the app what a person did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.slack.errors import ControlError
from tests.slack.identity import APP_ID, TEAM_ID
from tests.slack.state import JSON, Envelope

if TYPE_CHECKING:
    from tests.slack.workspace import Workspace

SINGLE = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
}
OPTION = ("static_select", "overflow", "radio_buttons")
OPTIONS = ("checkboxes", "multi_static_select")


def common(slack: Workspace, envelope: Envelope, kind: str) -> JSON:
    """Everything that each interaction tells."""
    if envelope.user not in slack.users:
        raise ControlError(f"there is no user {envelope.user}")
    user = slack.users[envelope.user]
    who = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
    return {
        "type": kind,
        "team": {"id": TEAM_ID, "domain": "local"},
        "user": who,
        "api_app_id": APP_ID,
        "token": "local",
        "trigger_id": envelope.trigger_id,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def chosen(element: JSON, choice: Any) -> JSON:
    """Word what a person did to an element."""
    action = {"type": element["type"], "action_id": element.get("action_id", "")}
    if element["type"] == "button":
        action["text"] = element["text"]
        return action | ({"value": element["value"]} if "value" in element else {})
    return action | _value(element, choice)


def input_states(blocks: list[JSON], values: JSON) -> JSON:
    """Word what a person filled in, by block and by action."""
    known: set[str] = set()
    states: JSON = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        block_id, action_id = block["block_id"], element.get("action_id", "")
        known |= {block_id, action_id}
        value = values.get(block_id, values.get(action_id))
        state = {"type": element["type"], **_value(element, value)}
        states[block_id] = {action_id: state}
    if unknown := sorted(values.keys() - known):
        raise ControlError(f"there is nothing to fill in named {unknown}; there is {sorted(known)}")
    return states


def _value(element: JSON, value: Any) -> JSON:
    kind = element["type"]
    if kind in OPTION:
        initial = element.get("initial_option")
        return {"selected_option": initial if value is None else _option(element, value)}
    if kind in OPTIONS:
        picked = [_option(element, each) for each in value or []]
        initial = element.get("initial_options", [])
        return {"selected_options": initial if value is None else picked}
    if kind in SINGLE:
        return {SINGLE[kind]: value or element.get(SINGLE[kind].replace("selected", "initial"))}
    return {"value": element.get("initial_value") if value is None else value}


def _option(element: JSON, value: str) -> JSON:
    options = list(element.get("options", []))
    for group in element.get("option_groups", []):
        options += group["options"]
    found = [each for each in options if each.get("value") == value]
    if not found:
        there = [each.get("value") for each in options]
        raise ControlError(f"there is no option {value}; there are {there}")
    return dict(found[0])


def merged(body: Any, overrides: Any) -> Any:
    """Lay one JSON over another: objects by key, lists by place, all else is replaced."""
    if isinstance(body, dict) and isinstance(overrides, dict):
        both = {name: merged(body.get(name), value) for name, value in overrides.items()}
        return {**body, **both}
    same_length = isinstance(overrides, list) and isinstance(body, list)
    if same_length and overrides and len(overrides) == len(body):
        return [merged(mine, theirs) for mine, theirs in zip(body, overrides, strict=True)]
    return overrides
