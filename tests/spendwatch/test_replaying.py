"""`spendwatch backtest`: two sides beside one another, and a gate."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
import sys
from datetime import date, timedelta

import pytest

from spendwatch import cli
from spendwatch.commands.gating import Gate, Incident, read_gate
from spendwatch.commands.replays import Replayed, Row, only_in
from spendwatch.exits import UsageProblem, run_reporting_errors
from tests.builders import spike

FIRST = date(2026, 6, 1)
DAYS = 90
ONE = timedelta(days=1)
SPIKES = {66: 129, 80: 300}
"""On the 67th day a little more, which classic tells alone; on the 81st three times the usual."""


@pytest.fixture
def usage(tmp_path):
    lines = ["date,tenant,feature,model,prompt_tokens,completion_tokens"]
    for step in range(DAYS):
        for tenant, usual in (("acme", 100), ("bolt", 50), ("corp", 20)):
            dollars = usual + step % 3
            if tenant == "acme":
                dollars = SPIKES.get(step, dollars)
            tokens = round(dollars * 400_000)
            lines.append(f"{FIRST + step * ONE},{tenant},chat,gpt-4o,{tokens},1000")
    path = tmp_path / "usage.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*words):
    return run_reporting_errors(cli.app, tuple(map(str, words)))


def replayed(name="robust", days=(), tenant="acme", opened=None):
    rows = [
        Row(
            spike(FIRST + day * ONE, tenant),
            FIRST + (day if opened is None else opened) * ONE,
            is_page=opened in (None, day),
        )
        for day in days
    ]
    return Replayed(name, tuple(rows), 2, FIRST, FIRST + 60 * ONE)


def test_pages_are_the_days_that_open_an_alert():
    found = replayed(days=(3, 4, 5), opened=3)
    assert [row.finding.day for row in found.pages] == [FIRST + 3 * ONE]
    assert found.rate == pytest.approx(1 / (2 * 61 / 30.4375))
    assert found.noisiest(5) == [("acme", 1)]


def test_what_only_one_finds_is_further_than_two_days_from_any_alert_of_the_other():
    one, other = replayed(days=(3, 20)), replayed(days=(5, 40))
    assert [row.finding.day for row in only_in(one, other)] == [FIRST + 20 * ONE]
    assert [row.finding.day for row in only_in(other, one)] == [FIRST + 40 * ONE]
    assert len(only_in(one, replayed(days=(3, 20), tenant="bolt"))) == 2


@pytest.mark.parametrize(("day", "found"), [(2, 0), (3, 1), (5, 1), (6, 1), (7, 0)])
def test_an_incident_is_found_until_the_day_after_its_end(day, found):
    gate = Gate(must_find=(Incident("acme", FIRST + 3 * ONE, FIRST + 5 * ONE),))
    assert len(gate.broken_by(replayed(days=(day,)))) == 1 - found


def test_more_pages_than_the_gate_allows_are_said():
    assert Gate(max_pages=0.3).broken_by(replayed(days=(3, 20))) == [
        "0.499 pages per tenant-month are more than 0.3"
    ]
    assert Gate(max_pages=0.5).broken_by(replayed(days=(3, 20))) == []


def test_a_gate_is_read_with_its_file(tmp_path):
    path = tmp_path / "incidents.csv"
    path.write_text("id,tenant,start,end\n1, ACME ,2026-06-01,2026-06-02\n", encoding="utf-8")
    assert read_gate(f"max-pages=0.25,must-find={path}") == Gate(
        0.25, (Incident("acme", date(2026, 6, 1), date(2026, 6, 2)),)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [("max-page=1", "must be max-pages=NUMBER"), ("max-pages=", "must be"), ("3", "must be"),
     ("max-pages=few", "must be a number"), ("max-pages=-1", "must be a number"),
     ("max-pages=inf", "must be a number"), ("must-find=nowhere.csv", "cannot be read")],
)  # fmt: skip
def test_a_gate_that_is_none_is_refused(text, said):
    with pytest.raises(UsageProblem, match=said):
        read_gate(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [("tenant,start\n", "lacks the columns end"),
     ("tenant,start,end\nacme,soon,later\n", r":2: start and end must be days"),
     ("tenant,start,end\n,2026-06-01,2026-06-02\n", r":2: needs a tenant"),
     ("tenant,start,end\nacme,2026-06-03,2026-06-02\n", r":2: needs a tenant")],
)  # fmt: skip
def test_a_file_of_incidents_that_is_none_says_where(tmp_path, text, said):
    path = tmp_path / "incidents.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageProblem, match=said):
        read_gate(f"must-find={path}")


def test_two_methods_are_compared_over_the_same_days(usage, capsys):
    assert run("backtest", "--usage", usage, "--compare", "classic", "robust") == 0
    said = capsys.readouterr().out
    assert said.count("3 tenants, 60 days (2026-07-01 to 2026-08-29)") == 2
    assert "only found by classic: 1 alert\n" in said
    assert "acme    2026-08-06" in said
    assert "only found by robust: 0 alerts" in said


def test_two_settings_are_compared_for_programs(usage, capsys):
    words = ("--method", "classic", "--set", "z=3", "--compare", "z=3", "z=99,min_excess_usd=50")
    assert run("backtest", "--usage", usage, *words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in found["compared"]] == [
        "classic, z=3", "classic, z=99, min_excess_usd=50",
    ]  # fmt: skip
    assert [row["day"] for row in found["only_first"]] == ["2026-08-20", "2026-08-06"]
    assert (found["only_second"], found["broken"]) == ([], [])


def test_a_gate_that_is_broken_leaves_with_1(usage, tmp_path, capsys):
    path = tmp_path / "incidents.csv"
    path.write_text("tenant,start,end\nacme,2026-08-20,2026-08-20\n", encoding="utf-8")
    words = ("backtest", "--usage", usage, "--method", "robust", "--gate")
    assert run(*words, f"max-pages=0.5,must-find={path}") == 0
    path.write_text("tenant,start,end\nbolt,2026-08-10,2026-08-10\n", encoding="utf-8")
    assert run(*words, f"max-pages=0.01,must-find={path}") == 1
    said = capsys.readouterr().out
    assert "gate: 0.169 pages per tenant-month are more than 0.01" in said
    assert "gate: not found: bolt, 2026-08-10 to 2026-08-10" in said


def test_a_side_names_one_method(usage, capsys):
    assert run("backtest", "--usage", usage, "--compare", "classic,robust", "z=3") == 2
    assert "one method a side" in capsys.readouterr().err


def test_on_a_terminal_a_bar_shows_how_far_it_is(usage):
    said = on_terminal("backtest", "--usage", usage)
    assert "100/100" in said
    assert "60/60" in said
    assert "progress_made" not in said


def on_terminal(*words):
    """Run the program with a terminal for what it says beside its answer."""
    leader, follower = pty.openpty()
    program = [sys.executable, "-m", "spendwatch.cli", *map(str, words)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=follower) as running:
        os.close(follower)
        shown = b""
        with contextlib.suppress(OSError):  # a terminal that is left ends so
            while part := os.read(leader, 65_536):
                shown += part
        os.close(leader)
        assert running.wait() == 0
    return shown.decode()


def test_elsewhere_log_lines_do(usage, capsys):
    assert run("backtest", "--usage", usage) == 0
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {line["event"] for line in lines} == {"progress_made"}
    replayed = [line["done"] for line in lines if line["work"] == "replaying"]
    assert replayed == list(range(6, 61, 6))
