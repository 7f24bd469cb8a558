"""Pages of HTML from the templates in `spendwatch/templates`; whatever is put in is escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, /, **values: Any) -> str:
    """Fill a template; a value it asks for and is not given is an error."""
    return _environment().get_template(template).render(values)


def inlined(name: str) -> Markup:
    """Return a file beside the templates as it stands, to be put into a page."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


def drawn(svg: str) -> Markup:
    """Let a drawing of ours stand in a page as it is: no text from outside is in it."""
    return Markup(svg)  # noqa: S704 - made of numbers and days alone


def content_hash(text: str) -> str:
    """Return how a page's policy names a style or script that stands in it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(inlined=inlined, content_hash=content_hash)
    return environment
