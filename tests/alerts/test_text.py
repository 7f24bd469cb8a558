from __future__ import annotations

import pytest

from alerts.notice import Action, Line
from alerts.render.text import render_text
from tests.builders import a_message


def test_plain_text_holds_no_escape():
    assert "\x1b" not in render_text(a_message(), colour=False)


@pytest.mark.parametrize(
    ("tone", "code"), [("critical", 31), ("warning", 33), ("notice", 36), ("calm", 32)]
)
def test_colour_is_on_the_title_alone_and_follows_the_tone(tone, code):
    title, *others = render_text(a_message(tone=tone), colour=True).splitlines()
    assert title == f"\x1b[1;{code}m[{tone}] Acme: $80 on Thu 12 Nov, 4x normal\x1b[0m"
    assert "\x1b" not in "".join(others)


def test_lines_wrap_under_their_text():
    long = a_message(lines=(Line("What", "word " * 30),))
    lines = render_text(long, colour=False, width=50).splitlines()
    assert lines[1].startswith("  What  word word")
    assert lines[2].startswith("        word")
    assert max(map(len, lines)) <= 50


def test_a_word_longer_than_the_line_is_cut():
    lines = render_text(a_message(title="x" * 200), colour=False, width=60).splitlines()
    assert max(map(len, lines)) <= 60
    assert "".join(lines).count("x") == 200


def test_wide_letters_count_twice_and_marks_not_at_all():
    wide = render_text(a_message(title="東" * 60), colour=False, width=60).splitlines()
    assert [line.count("東") for line in wide[:3]] == [25, 25, 10]
    marked = render_text(a_message(title="a\u0301" * 50), colour=False, width=60).splitlines()
    assert marked[0].count("a\u0301") == 50


def test_a_width_too_narrow_to_read_is_not_obeyed():
    assert render_text(a_message(), colour=False, width=1) == render_text(
        a_message(), colour=False, width=40
    )


def test_a_command_is_never_broken():
    command = 'spendwatch alerts dismiss 12 --verdict expected --note "..."'
    text = render_text(a_message(actions=(Action("dismiss", command),)), colour=False, width=40)
    assert f"  Do    dismiss: {command}" in text.splitlines()


def test_a_message_without_lines_or_actions_is_its_title_and_reference():
    bare = a_message(lines=(), actions=())
    assert render_text(bare, colour=False).splitlines() == [
        "[warning] Acme: $80 on Thu 12 Nov, 4x normal",
        "  A-12, spend spike, open",
    ]


def test_an_empty_line_keeps_its_label():
    assert "  Why" in render_text(a_message(lines=(Line("Why", ""),)), colour=False)
