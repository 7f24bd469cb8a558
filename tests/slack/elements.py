"""The limits of the elements of Block Kit: buttons, menus, inputs, pictures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.slack.state import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.slack.problems import Problems

ID_LENGTH = 255
INPUT_LENGTH = 3000
UNREACHABLE = re.compile(r"localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[::1\]")
"""Slack fetches a picture from its own network; these it cannot reach."""


def check_element(element: JSON, problems: Problems, pointer: str) -> None:
    """Check whatever stands in a block."""
    problems.string(element, "action_id", ID_LENGTH, pointer, least=1)
    problems.text(element, "placeholder", 150, pointer)
    if "confirm" in element:
        _confirm(element["confirm"], problems, f"{pointer}/confirm")
    check = CHECKS.get(element["type"])
    if check is not None:
        check(element, problems, pointer)


def check_image(image: JSON, problems: Problems, pointer: str) -> None:
    """Check a picture, wherever it stands; whether an upload is ready is not known here."""
    problems.string(image, "alt_text", 2000, pointer, least=1)
    problems.text(image, "title", 2000, pointer)
    problems.url(image, "image_url", pointer)
    if UNREACHABLE.match(urlsplit(image.get("image_url", "")).netloc):
        problems.add("downloading image failed", f"{pointer}/image_url")
    if "slack_file" in image and ("id" in image["slack_file"]) == ("url" in image["slack_file"]):
        problems.add("invalid slack file", f"{pointer}/slack_file")


def _confirm(confirm: JSON, problems: Problems, pointer: str) -> None:
    for name, most in {"title": 100, "text": 300, "confirm": 30, "deny": 30}.items():
        problems.text(confirm, name, most, pointer)


def _button(button: JSON, problems: Problems, pointer: str) -> None:
    problems.text(button, "text", 75, pointer)
    problems.string(button, "value", 2000, pointer)
    problems.string(button, "accessibility_label", 75, pointer)
    problems.url(button, "url", pointer)


def _text(text: JSON, problems: Problems, pointer: str) -> None:
    problems.string(text, "text", 3000, pointer, least=1)


def _options(options: list[JSON], most: int, problems: Problems, pointer: str) -> None:
    problems.count(options, 1, most, pointer)
    for number, option in enumerate(options):
        here = f"{pointer}/{number}"
        problems.text(option, "text", 75, here)
        problems.text(option, "description", 75, here)
        problems.string(option, "value", 150, here, least=1)
        problems.url(option, "url", here)


def _select(select: JSON, problems: Problems, pointer: str) -> None:
    if ("options" in select) == ("option_groups" in select):
        problems.add("must provide either options or option_groups", pointer)
    options = list(select.get("options", []))
    if "options" in select:
        _options(options, 100, problems, f"{pointer}/options")
    groups = select.get("option_groups", [])
    problems.count(groups, 0, 100, f"{pointer}/option_groups")
    for number, group in enumerate(groups):
        here = f"{pointer}/option_groups/{number}"
        problems.text(group, "label", 75, here)
        _options(group["options"], 100, problems, f"{here}/options")
        options += group["options"]
    _initial(select, options, problems, pointer)


def _initial(element: JSON, options: list[JSON], problems: Problems, pointer: str) -> None:
    chosen = list(element.get("initial_options", []))
    if "initial_option" in element:
        chosen.append(element["initial_option"])
    if any(each not in options for each in chosen):
        problems.add("initial option must be one of the options", pointer)


def _few_options(most: int) -> Callable[[JSON, Problems, str], None]:
    def check(element: JSON, problems: Problems, pointer: str) -> None:
        _options(element["options"], most, problems, f"{pointer}/options")
        _initial(element, element["options"], problems, pointer)

    return check


def _text_input(element: JSON, problems: Problems, pointer: str) -> None:
    least, most = element.get("min_length", 0), element.get("max_length", INPUT_LENGTH)
    if not 0 <= least <= INPUT_LENGTH:
        problems.add(f"must be between 0 and {INPUT_LENGTH}", f"{pointer}/min_length")
    if not 1 <= most <= INPUT_LENGTH or most < least:
        problems.add(f"must be between 1 and {INPUT_LENGTH}", f"{pointer}/max_length")
    problems.string(element, "initial_value", int(most), pointer)


def _date(element: JSON, problems: Problems, pointer: str) -> None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", element.get("initial_date", "2026-01-01")):
        problems.add("must be a date", f"{pointer}/initial_date")


CHECKS: dict[str, Callable[[JSON, Problems, str], None]] = {
    "button": _button,
    "checkboxes": _few_options(10),
    "datepicker": _date,
    "image": check_image,
    "mrkdwn": _text,
    "multi_static_select": _select,
    "overflow": _few_options(5),
    "plain_text": _text,
    "plain_text_input": _text_input,
    "radio_buttons": _few_options(10),
    "static_select": _select,
}
