"""The program as a child process: what a person at a terminal, or cron, would see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(*arguments, **options):
    """Run spendwatch in a process of its own."""
    command = [sys.executable, "-m", "spendwatch.cli", *arguments]
    given = {"cwd": ROOT, "capture_output": True, "text": True, "check": False} | options
    return subprocess.run(command, **given)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """What the demo prints when it is run twice."""
    folder = tmp_path_factory.mktemp("demo")
    return [start("demo", "--folder", str(folder)) for _ in range(2)]


def test_the_demo_tells_several_kinds_and_answers_one(demo):
    first = demo[0]
    assert first.returncode == 0, first.stderr
    for kind in ("spend spike", "spend drop", "budget forecast", "attribution gap"):
        assert f", {kind}, open" in first.stdout
    assert "unpriced model, open" in first.stdout
    assert "dismissed as expected" in first.stdout


def test_the_demo_shows_that_the_answer_changed_the_next_days(demo):
    words = " ".join(demo[0].stdout.split())
    assert "2 left out: 12 and 13 Nov dismissed as expected" in words
    assert "without the answer: not abnormal" in demo[0].stdout


def test_the_demo_explains_a_spike_from_its_tokens_to_what_would_turn_it(demo):
    told = demo[0].stdout
    assert "spendwatch explain 2" in told
    assert "points of volume" in told
    assert "it would have stayed silent, each by itself" in told


def test_the_demo_shows_the_whole_life_of_an_alert(demo):
    words = " ".join(demo[0].stdout.split())
    assert "Northwind Traders: snooze over, only $7.36" in words
    assert "tailspin: worse, $1,369" in words
    assert "Worse than what the demo acknowledged on" in words
    assert "$351" not in words, "planned spend up to its ceiling is quiet"
    assert "held back, planned: P-1 by the demo, up to $400 a day" in words
    assert "$400 a day was planned until Fri 20 Nov (batch); this is $334 above it" in words
    assert "digest to Fri 20 Nov: 2 alerts need an answer" in words


def test_the_demo_tells_a_loop_while_its_day_runs_and_the_finished_day_to_nobody(demo):
    _, act = demo[0].stdout.split("is told while its day still runs\n")
    assert "[warning] relecloud: $396 on Sat 21 Nov, 2.6x normal, day still running" in act
    assert "A-12 by now: relecloud: $724 on Sat 21 Nov, 4.8x normal" in act
    assert act.count("] relecloud: ") == 1


def test_the_demo_run_twice_tells_nothing_twice(demo):
    second = demo[1]
    assert second.returncode == 0, second.stderr
    assert "0 messages told" in second.stdout
    assert "[warning]" not in second.stdout


def test_the_demo_says_how_to_go_on_and_that_works(demo):
    _, said = demo[0].stdout.split("Answer them yourself")
    exported, listing, question = re.findall(r"^   \$ (.+)$", said, re.MULTILINE)
    name, url = exported.removeprefix("export ").split("=", 1)
    assert (listing, question) == ("spendwatch alerts list", "spendwatch alerts dismiss 12")
    shown = start("alerts", "show", "12", env=dict(os.environ) | {name: url})
    assert shown.returncode == 0, shown.stderr
    assert "relecloud: $724" in shown.stdout


def test_fault_112_a_bare_environment_is_enough(tmp_path):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    options = {"env": environment, "umask": 0o077, "cwd": tmp_path}
    (tmp_path / "usage.csv").write_text(
        "date,tenant,cost_usd\n2026-11-01,\N{SNOWMAN} caf\N{LATIN SMALL LETTER E WITH ACUTE},80\n",
        encoding="utf-8",
    )
    assert start("init", "--yes", **options).returncode == 0
    assert start("import", "usage.csv", **options).returncode == 0
    told = start("once", "--day", "2026-11-01", **options)
    assert told.returncode == 0, told.stderr
    assert start("costs", "--from", "2026-11-01", "--to", "2026-11-01", **options).returncode == 0


NAMELESS = ["unshare", "--user", "--map-user=54321", "--map-group=54321"]


def can_become_nameless():
    """Whether this machine allows user namespaces, in which our number has no name."""
    try:
        return subprocess.run([*NAMELESS, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not can_become_nameless(), reason="needs user namespaces to lose one's name")
def test_fault_112_a_user_without_a_passwd_entry_can_answer(tmp_path):
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    (tmp_path / "usage.csv").write_text(
        "date,tenant,cost_usd\n2026-10-31,bolt,1\n2026-11-01,acme,80\n2026-11-01,bolt,1\n"
    )
    source = ("--set", "source=csv_file", "--set", "path=usage.csv")
    commands = (
        ("init", "--yes", *source),
        ("once", "--day", "2026-11-01"),
        ("alerts", "ack", "1"),
        ("alerts", "show", "1", "--json"),
    )
    for command in commands:
        done = subprocess.run(
            [*NAMELESS, sys.executable, "-m", "spendwatch.cli", *command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["replies"][0]["actor"] == "uid 54321"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['spendwatch', '--help']\n"
        "from spendwatch import cli\n"
        "try:\n    cli.main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'sqlalchemy', 'scipy', 'pyarrow', 'pydantic', 'rich'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.stderr.write(repr(sorted(heavy)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]"
    assert "Watch what every tenant spends" in done.stdout


def test_a_mistake_of_the_user_is_no_traceback(tmp_path):
    done = start("check", "--config", str(tmp_path / "none.toml"))
    assert (done.returncode, "Traceback" in done.stderr) == (78, False)
    assert "spendwatch init" in done.stderr
