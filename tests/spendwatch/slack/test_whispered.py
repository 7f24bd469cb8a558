"""What is shown to one person keeps its lines, is inert, and is never too long for Slack."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.slack.pages import whispered
from tests.slack.judge import check_message
from tests.slack_bodies import is_sound, texts
from tests.spendwatch.slack.conftest import HOSTILE

LINES = st.lists(st.text(max_size=90) | st.sampled_from(['"' * 2_900, "😀" * 1_600, "&<>" * 999]))


def test_line_breaks_are_kept_and_nothing_is_markup():
    body = whispered(f"*one* {HOSTILE}\n\n  two\n<@U1>")
    assert texts(body["blocks"]) == ["*one* bad<!channel>\ntwo\n<@U1>"]
    assert body["text"] == "∗one∗ bad&lt;!channel&gt;"


@pytest.mark.parametrize("words", ["", "\n", "\u200b"])
def test_nothing_to_say_is_still_a_message(words):
    said = whispered(words)
    is_sound(SimpleNamespace(**said))
    (text,) = texts(said["blocks"])
    assert text.strip()


def test_what_does_not_fit_is_cut_between_lines_and_counted():
    shown = "\n".join(
        texts(whispered("\n".join(f"line {n:04} {'x' * 89}" for n in range(90)))["blocks"])
    )
    assert shown.endswith("x\n… and 41 more lines")
    assert len(texts(whispered("x" * 1_000 + "\n" + "y" * 2_500)["blocks"])) == 2


@given(LINES)
def test_slack_takes_whatever_is_said(lines):
    said = whispered("\n".join(lines))
    is_sound(SimpleNamespace(**said))
    check_message(said, lambda _file: True)
