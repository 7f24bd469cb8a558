"""The page of a backtest over the days that the story has lived through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from docs.pictures.story import QUIET, Clock, settings_of
from spendwatch.app import build_app
from spendwatch.commands.gating import Gate
from spendwatch.commands.replay_ledger import LedgerPast
from spendwatch.commands.replay_page import page_of
from spendwatch.commands.replaying import Request, replay_past
from spendwatch.db import reading

if TYPE_CHECKING:
    from pathlib import Path


def backtest_page(folder: Path) -> str:
    """Return the page, its first alert opened; the story has been told in ``folder``."""
    after = QUIET + timedelta(days=1)
    clock = Clock(datetime(after.year, after.month, after.day, 8, 10, tzinfo=UTC))
    app = build_app(settings_of(folder), clock)
    with reading(app.engine) as session:
        past = LedgerPast(app, session)
        report, history = replay_past(past, Request(), Gate())
        page = page_of(report, history, past)
    app.engine.dispose()
    before, first, rest = page.partition("<details><summary>$")
    return before + first.replace("<details>", "<details open>") + rest
