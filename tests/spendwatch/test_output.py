"""What commands print: for people, for programs, for logs."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from datetime import date

import pytest

from spendwatch.logs import logger
from spendwatch.output import print_json, print_line, print_table, progress

HOSTILE = [
    "<!channel>",
    "[bold red]x[/]",
    "\x1b[31mred\x1b[0m",
    "a\nb",
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "=HYPERLINK()",
    "x" * 10_000,
    "\N{GRINNING FACE}" * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_a_hostile_name_in_a_table_is_only_text(capsys, name):
    print_table(["tenant", "cost"], [[name, "$1"], ["acme", "$2"]])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in printed
    assert "acme" in printed
    if name.startswith("["):
        assert name in printed


@pytest.mark.parametrize("name", HOSTILE)
def test_fault_92_a_hostile_name_in_a_log_stays_on_its_line(capsys, name):
    logger().info("usage_recorded", source=name)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["source"] == name
    assert "\x1b" not in line


def test_json_is_ascii_and_keeps_every_value(capsys):
    print_json(
        {"day": date(2026, 11, 1), "name": "caf\N{LATIN SMALL LETTER E WITH ACUTE}", "of": {2}}
    )
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == {"day": "2026-11-01", "name": "caf\u00e9", "of": [2]}


def test_a_line_the_encoding_lacks_is_replaced_and_never_lost():
    code = "from spendwatch.output import print_line; print_line('a\\N{SNOWMAN}b')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    assert done.stdout == b"a?b\n"


def test_an_empty_line_can_be_printed(capsys):
    print_line()
    assert capsys.readouterr().out == "\n"


def test_progress_without_a_terminal_is_a_log_line_every_tenth(capsys):
    with progress("counting", 20) as step:
        for number in range(20):
            step(str(number))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["done"] for line in lines] == list(range(2, 21, 2))
    assert {line["of"] for line in lines} == {20}


def test_progress_by_shares_is_a_log_line_for_every_tenth_that_is_passed(capsys):
    with progress("reading", 100) as step:
        for share in (4, 9, 15, 18, 47, 100):
            step("rows", share)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["done"] for line in lines] == [15, 47, 100]


def test_progress_by_shares_fills_the_bar():
    code = (
        "from spendwatch.output import progress\n"
        "with progress('reading', 100) as step:\n"
        "    step('rows', 40); step('rows', 70)\n"
    )
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "70/100" in shown
    assert "110/100" not in shown


def test_progress_on_a_terminal_is_a_bar():
    code = (
        "from spendwatch.output import progress\n"
        "with progress('counting', 2) as step:\n"
        "    step('one'); step('two')\n"
    )
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "counting" in shown
    assert "2/2" in shown


def test_logs_on_a_terminal_are_for_people():
    code = "from spendwatch.logs import logger; logger().info('cycle_completed', told=3)"
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    os.close(follower)
    shown = os.read(leader, 100_000).decode()
    os.close(leader)
    assert "told=3" in shown
    assert "{" not in shown


def test_point_17_each_line_of_the_log_is_json_with_its_time_in_utc(capsys):
    hostile = "a\nb\r\x1b[31m\x00\x85\u2028\N{RIGHT-TO-LEFT OVERRIDE}"
    logger().warning("source_failed", source=hostile, error=hostile)
    written = capsys.readouterr().err
    (line,) = written.splitlines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["source"]) == ("source_failed", "warning", hostile)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", told["timestamp"])
    assert written.isascii()
    assert written[:-1].isprintable()
