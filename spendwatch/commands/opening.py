"""What every command begins with: the settings, the app, and who is acting."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from spendwatch.app import App, build_app
from spendwatch.db import PERSON_WAIT_MS
from spendwatch.exits import UsageProblem
from spendwatch.secrecy import hide
from spendwatch.settings import Settings, load_settings
from spendwatch.settings_secrets import secrets_in
from spendwatch.settings_types import MAX_TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def open_settings(config: Path) -> Settings:
    """Load the settings of this installation; no log tells a secret of them from now on."""
    settings = load_settings(config, os.environ)
    hide(secrets_in(settings))
    return settings


def open_app(config: Path) -> App:
    """Load the settings and put the service together."""
    return build_app(open_settings(config))


def open_for_answer(config: Path) -> App:
    """Put the service together for somebody who waits: what cannot be saved soon is refused."""
    return build_app(open_settings(config), wait_ms=PERSON_WAIT_MS)


def acting_user(named: str) -> str:
    """Say who acts: as named, else the system's user, else its number."""
    if len(named.strip()) > MAX_TEXT:
        raise UsageProblem(
            f"--as has {len(named.strip()):,} characters; a name of at most {MAX_TEXT} is kept"
        )
    if named.strip():
        return named.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that no passwd file knows.
        return f"uid {os.getuid()}"


def parse_pairs(pairs: Sequence[str], option: str) -> dict[str, str]:
    """Read KEY=VALUE options; raises UsageProblem naming the one that is not."""
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UsageProblem(f"{option} {pair!r} is not KEY=VALUE, like {option} z=3.5")
        found[key.strip()] = value.strip()
    return found


def parse_groups(by: str, known: Sequence[str]) -> tuple[str, ...]:
    """Read what --by names, with commas; raises UsageProblem naming what is not known."""
    groups = tuple(part.strip() for part in by.split(",") if part.strip())
    strangers = [group for group in groups if group not in known]
    if strangers or not groups:
        raise UsageProblem(
            f"--by knows {', '.join(known)}; not {', '.join(strangers) or 'nothing'}"
        )
    return groups
