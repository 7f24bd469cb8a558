from __future__ import annotations

import csv
import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.messages import alert_message
from alerts.model import Change
from alerts.names import csv_cell, safe_name
from alerts.render.text import render_text
from tests.builders import an_alert, spike

HOSTILE = [
    "<!channel>",
    "<@U1>",
    "*b*",
    "<script>",
    "=HYPERLINK()",
    "' or 1=1",
    '"; drop',
    "{{7*7}}",
    "%0d%0aBcc:",
    "\U0001f600" * 300,
    "\u202egnp.exe",
    "\u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "Z" + "\u0301" * 50 + "algo",
    "",
    "x" * 10_000,
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07name",
    "a\r\nsent [1]",
    "zero\u200bwidth\u2066",
    "\ud800",
    "\u3164",
    "\x9b31m",
]


def is_inert(text):
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return not any(unicodedata.category(char) in bad for char in text)


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_fault_92_a_hostile_name_is_one_short_inert_line(name):
    safe = safe_name(name)
    letters = [char for char in safe if not unicodedata.combining(char)]
    assert safe
    assert is_inert(safe)
    assert len(letters) <= 60


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("colour", [True, False])
def test_fault_92_a_hostile_name_cannot_add_a_line_or_an_escape_to_a_message(name, colour):
    message = alert_message(an_alert(spike(tenant="t")), Change.OPENED, {"t": name})
    text = render_text(message, colour=colour)
    tame = render_text(alert_message(an_alert(), Change.OPENED, {"acme": "Acme"}), colour=colour)
    titles = len(render_text(message, colour=colour).splitlines()) - len(tame.splitlines())
    assert titles <= 1
    assert text.count("\x1b") == (2 * (1 + titles) if colour else 0)


@given(st.text())
def test_fault_92_any_name_is_inert_and_stays_so(name):
    safe = safe_name(name)
    assert safe
    assert is_inert(safe)
    assert safe_name(safe) == safe


def test_an_ordinary_name_stays_as_it_is():
    assert safe_name("Müller & Söhne GmbH (東京)") == "Müller & Söhne GmbH (東京)"


def test_a_long_name_ends_in_an_ellipsis():
    assert safe_name("abcdefgh", limit=5) == "abcd…"
    assert safe_name("abcde", limit=5) == "abcde"


def test_marks_beyond_the_second_are_dropped():
    assert safe_name("a" + "\u0301" * 9 + "b") == "a\u0301\u0301b"


@pytest.mark.parametrize("name", ["", " \t\n", "\u202e", "\u3164\u2800", "\x00"])
def test_a_name_that_shows_nothing_is_said_to_be_none(name):
    assert safe_name(name) == "(no name)"


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =1", '"=1', "'=1", "＝1"]
)
def test_fault_92_a_cell_that_would_be_a_formula_is_quoted(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["contoso", "", "a=b", "1-2", "(no name)", "  x", "🙂"])
def test_an_ordinary_cell_stays_as_it_is(text):
    assert csv_cell(text) == text


@given(st.text())
def test_fault_92_no_cell_read_back_starts_a_formula(name):
    row = io.StringIO()
    csv.writer(row).writerow([csv_cell(safe_name(name))])
    (cell,) = next(csv.reader(io.StringIO(row.getvalue())))
    assert not cell.lstrip(" \"'").startswith(("=", "+", "-", "@")) or cell.startswith("'")
