"""Blocks as a plain page of our own: everything that is in them, in their order, and nothing else.

This is not how Slack looks. A block or element that is not known here is an error, so that no
picture leaves out what people would see.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

Json = Mapping[str, Any]
Names = Mapping[str, str]

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


class Page:
    """Draws blocks; ``names`` says what the members of the workspace are called."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._blocks: Mapping[str, Callable[[Json], str]] = {
            "actions": lambda block: _in("div", "actions", self._all(block["elements"])),
            "context": lambda block: _in("p", "small", self._all(block["elements"])),
            "divider": lambda _block: "<hr>",
            "header": lambda block: f"<h2>{self._any(block['text'])}</h2>",
            "input": self._input,
            "rich_text": lambda block: _in("div", "rich", self._all(block["elements"])),
            "section": self._section,
        }
        self._elements: Mapping[str, Callable[[Json], str]] = {
            "button": self._button,
            "date": lambda element: escape(_moment(element["timestamp"])),
            "plain_text": lambda element: escape(element["text"]),
            "datepicker": lambda _element: _in("span", "button menu", "Select a date"),
            "plain_text_input": lambda _element: _in("div", "field tall", ""),
            "radio_buttons": lambda element: self._choices(element["options"]),
            "rich_text_list": lambda element: _in("ul", "", self._items(element["elements"])),
            "rich_text_section": lambda element: _in("p", "", self._all(element["elements"])),
            "static_select": self._menu,
            "text": _words,
            "user": lambda element: _in("span", "member", f"@{escape(self._name(element))}"),
        }

    def message(self, blocks: Sequence[Json], sent_at: str) -> str:
        """Return a message as it stands in a conversation."""
        who = f'<p class="who"><b>spendwatch</b> <span>{escape(sent_at)}</span></p>'
        return _in(
            "article", "message", f'<i class="face">s</i><div>{who}{self.body(blocks)}</div>'
        )

    def reply(self, picture: bytes, words: str, sent_at: str) -> str:
        """Return a picture as it stands in the thread of a message."""
        data = base64.b64encode(picture).decode()
        image = f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'
        return _in("article", "message reply", _said(f"{sent_at}, in the thread", image))

    def form(self, view: Json) -> str:
        """Return what opens over the conversation."""
        buttons = "".join(
            _in("span", f"button {style}", self._any(view[name]))
            for name, style in (("close", ""), ("submit", "primary"))
            if name in view
        )
        title = _in("header", "", self._any(view["title"]))
        end = _in("footer", "actions", buttons)
        inside = _in("div", "inside", self.body(view["blocks"]))
        return _in("article", "form", f"{title}{inside}{end}")

    def home(self, view: Json) -> str:
        """Return the home page."""
        return _in("article", "home", self.body(view["blocks"]))

    def body(self, blocks: Iterable[Json]) -> str:
        """Return blocks, one below the other."""
        return "".join(self._blocks[block["type"]](block) for block in blocks)

    def _any(self, element: Json) -> str:
        return self._elements[element["type"]](element)

    def _all(self, elements: Iterable[Json]) -> str:
        return "".join(map(self._any, elements))

    def _items(self, elements: Iterable[Json]) -> str:
        return "".join(_in("li", "", self._all(each["elements"])) for each in elements)

    def _section(self, block: Json) -> str:
        beside = self._any(block["accessory"]) if "accessory" in block else ""
        return _in("div", "section", f"<p>{self._any(block['text'])}</p>{beside}")

    def _input(self, block: Json) -> str:
        optional = _in("span", "optional", " (optional)") if block.get("optional") else ""
        label = _in("p", "label", f"{self._any(block['label'])}{optional}")
        return _in("div", "input", f"{label}{self._any(block['element'])}")

    def _button(self, element: Json) -> str:
        return _in("span", f"button {element.get('style', '')}", self._any(element["text"]))

    def _menu(self, element: Json) -> str:
        return _in("span", "button menu", self._any(element["placeholder"]))

    def _choices(self, options: Iterable[Json]) -> str:
        said = (
            f"<li>{self._any(each['text'])}{_in('em', '', self._any(each['description']))}</li>"
            for each in options
        )
        return _in("ul", "choices", "".join(said))

    def _name(self, element: Json) -> str:
        return self._names.get(element["user_id"], element["user_id"])


def document(body: str, width: int) -> str:
    """Return a whole page that shows ``body``."""
    head = f"<meta charset=utf-8><style>{STYLE}body{{width:{width}px}}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>"


def _in(tag: str, name: str, inside: str) -> str:
    return f'<{tag} class="{name.strip()}">{inside}</{tag}>' if name else f"<{tag}>{inside}</{tag}>"


def _said(sent_at: str, inside: str) -> str:
    who = f'<p class="who"><b>spendwatch</b> <span>{escape(sent_at)}</span></p>'
    return f'<i class="face">s</i><div>{who}{inside}</div>'


def _words(element: Json) -> str:
    text = escape(element["text"])
    return f"<b>{text}</b>" if element.get("style", {}).get("bold") else text


def _moment(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%-d %b at %H:%M}"
