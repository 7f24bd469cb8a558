"""`spendwatch routes explain` and `spendwatch test-send`, as a person or a program runs them."""

from __future__ import annotations

import json

import pytest
from sqlmodel import select

from alerts.tables import AlertRow, NotificationRow
from spendwatch.db import reading
from tests.spendwatch.installations import CONFIG, Installation

MORE = """
[[tenants]]
id = "acme"
name = "Acme Corp"
aliases = ["acme-old"]
receiver = "file"
cost_centre = "CC-1"
[[tenants]]
id = "bolt"

[[receivers]]
kind = "console"
name = "file"
path = "out/messages.txt"

[[routes]]
severity = "critical"
tenant = "a*"
receiver = "desk"

[[routes]]
kind = "source stale"
receiver = "file"
"""


@pytest.fixture
def place(tmp_path):
    return Installation(tmp_path, extra=MORE)


def explained(place, capsys, *options):
    """The rows as (tenant, kind, severity, receiver, key)."""
    rows = place.json(capsys, "routes", "explain", *options)
    columns = ("tenant", "kind", "severity", "receiver", "key")
    return [tuple(row[name] for name in columns) for row in rows]


def test_explain_tells_of_each_tenant_who_is_told_of_what_and_why(place, capsys):
    stale = ("source stale", None, "file", "routes[1]")
    assert explained(place, capsys) == [
        ("acme", None, "critical", "desk", "routes[0]"),
        ("acme", *stale),
        ("acme", None, None, "file", "tenants[0].receiver"),
        ("bolt", *stale),
        ("bolt", None, None, "desk", "alerts.receiver"),
        (None, *stale),
        (None, None, None, "desk", "alerts.receiver"),
        ("", *stale),
        ("", None, None, "desk", "alerts.receiver"),
    ]


def test_explain_names_the_line_of_the_file_that_decides(place, capsys):
    assert place.run("routes", "explain", "--tenant", "acme") == 0
    _, *rows = capsys.readouterr().out.splitlines()
    lines = place.config.read_text().splitlines()
    routes = [number for number, line in enumerate(lines, 1) if line == "[[routes]]"]
    own = lines.index('receiver = "file"') + 1
    assert [" ".join(row.split()) for row in rows] == [
        f"Acme Corp critical alerts desk routes[0], config.toml:{routes[0]}",
        f"Acme Corp source stale file desk routes[1], config.toml:{routes[1]}",
        f"Acme Corp all others file desk tenants[0].receiver, config.toml:{own}",
    ]


def test_explain_says_who_is_told_of_one_case(place, capsys):
    case = ("--tenant", "Acme-Old", "--kind", "spend-spike", "--severity", "critical")
    assert explained(place, capsys, *case) == [("acme", None, "critical", "desk", "routes[0]")]
    assert explained(place, capsys, *case[:-1], "warning") == [
        ("acme", None, None, "file", "tenants[0].receiver")
    ]


def test_explain_takes_a_tenant_that_the_settings_do_not_list(place, capsys):
    assert [row[3] for row in explained(place, capsys, "--tenant", "corp")] == ["file", "desk"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "spike"), "--kind knows spend spike, "),
        (("--severity", "loud"), "--severity knows critical, warning, notice; not 'loud'"),
        (("--tenant", ""), "--tenant says nothing"),
    ],
)
def test_explain_refuses_what_it_does_not_know(place, capsys, options, words):
    assert place.run("routes", "explain", *options) == 2
    assert words in capsys.readouterr().err


def test_explain_opens_no_database(place, capsys):
    assert place.run("routes", "explain") == 0
    assert not (place.folder / "spendwatch.db").exists()
    assert "(any other)" in capsys.readouterr().out


def test_test_send_sends_a_real_message_that_is_called_a_test(place, capsys):
    assert place.run("test-send", "file") == 0
    said = capsys.readouterr().out
    file = place.folder / "out/messages.txt"
    assert f"sent a test message to file (console, {file}) at " in said
    written = file.read_text()
    assert "[notice] test message from spendwatch: nothing happened" in written
    assert "it is kept there as test:file:" in said
    assert '"test:file:' in written


def test_test_send_to_the_terminal_shows_the_message_and_then_what_was_done(place, capsys):
    assert place.run("test-send", "desk") == 0
    said = capsys.readouterr().out
    assert said.index("[notice] test message") < said.index("sent a test message to desk (console,")


def test_test_send_for_programs_prints_the_receipt_alone(place, capsys):
    receipt = place.json(capsys, "test-send", "desk")
    assert (receipt["receiver"], receipt["kind"]) == ("desk", "console")
    assert receipt["place"] == "the terminal"
    assert receipt["reference"].startswith("test:desk:")


def test_a_test_message_is_stored_nowhere(place):
    assert place.run("test-send", "file") == 0
    with reading(place.app().engine) as session:
        stored = [session.exec(select(table)).all() for table in (NotificationRow, AlertRow)]
    assert stored == [[], []]


def test_test_send_says_what_the_channel_refused_and_leaves_with_1(tmp_path, capsys):
    place = Installation(tmp_path, CONFIG.replace('"desk"\n', '"desk"\npath = "out"\n', 1))
    (tmp_path / "out").mkdir()
    assert place.run("test-send", "desk") == 1
    said = capsys.readouterr().err
    assert f"the test message to desk (console, {tmp_path / 'out'}) was not sent: " in said
    assert "cannot be written" in said
    assert place.run("test-send", "desk", "--json") == 1
    assert "was not sent" in json.loads(capsys.readouterr().out)["error"]


def test_test_send_to_nobody_it_knows_names_the_nearest_and_leaves_with_2(place, capsys):
    assert place.run("test-send", "fil") == 2
    assert "no receiver is called 'fil'; there is desk, file; did you mean file?" in (
        capsys.readouterr().err
    )
