"""The documentation is true: links lead somewhere, and commands exist."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from spendwatch.cli import app

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
GOLDEN = ROOT / "tests" / "golden" / "help"


def commands_below(command, path=()):
    """Every command and group of commands, by the words that call it."""
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands_below(inner, (*path, name))


COMMANDS = tuple(commands_below(typer.main.get_command(app)))
GROUPS = {path[0] for path in COMMANDS if len(path) > 1}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_the_documentation_exists(page):
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"`spendwatch ([a-z]+(?:-[a-z]+)*)(?: ([a-z]+))?", text)
    for first, second in code:
        known = {command[0] for command in COMMANDS if command}
        assert first in known, f"spendwatch {first}"
        if first in GROUPS and second:
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
