"""The documentation is true: links lead somewhere, and commands exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spendwatch.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
GOLDEN = ROOT / "tests" / "golden" / "help"
COMMANDS = (
    (), ("init",), ("check",), ("demo",), ("once",), ("import",), ("backfill",), ("backtest",),
    ("costs",), ("tenants",), ("budgets",), ("digest",), ("alerts",), ("alerts", "list"),
    ("alerts", "show"),
    ("alerts", "why"), ("alerts", "ack"), ("alerts", "dismiss"), ("alerts", "snooze"),
    ("alerts", "undo"), ("outbox",), ("outbox", "list"),
    ("outbox", "retry"), ("outbox", "drop"), ("prices",), ("prices", "list"), ("prices", "show"),
    ("prices", "check"), ("prices", "import"), ("silence",), ("silence", "add"),
    ("silence", "list"), ("silence", "end"), ("planned",), ("planned", "add"),
    ("planned", "list"), ("planned", "end"), ("db",), ("db", "upgrade"), ("db", "check"),
    ("db", "backup"), ("db", "restore"), ("db", "copy"),
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_documentation_exists(page):
    code = re.findall(r"`spendwatch ([a-z]+)(?: ([a-z]+))?", page.read_text(encoding="utf-8"))
    for first, second in code:
        known = {command[0] for command in COMMANDS if command}
        assert first in known, f"spendwatch {first}"
        if first in ("alerts", "prices", "silence", "planned", "outbox", "db") and second:
            assert (first, second) in COMMANDS


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command) or "spendwatch")
def test_the_help_of_every_command_reads_as_reviewed(command):
    runner = CliRunner(env={"COLUMNS": "100", "TERMINAL_WIDTH": "100"})
    shown = runner.invoke(app, [*command, "--help"], prog_name="spendwatch").output
    file = GOLDEN / f"{'_'.join(command) or 'spendwatch'}.txt"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")
