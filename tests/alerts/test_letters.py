from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alerts.letters import cut, length, one_line

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
WAVE = "\U0001f44b\U0001f3fd"
FLAGS = "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7"


@pytest.mark.parametrize(
    ("text", "limit", "said"),
    [
        ("contoso", 7, "contoso"),
        ("contoso", 6, "conto…"),
        ("two words", 5, "two…"),
        ("abe\u0301\u0323x", 4, "ab…"),
        ("ab" + FAMILY, 6, "ab…"),
        (FAMILY + "abc", 10, FAMILY + "a…"),
        ("a" + WAVE + "bcd", 4, "a…"),
        ("\u2764\ufe0f\u2764\ufe0f", 3, "\u2764\ufe0f…"),
        (FLAGS, 7, FLAGS[:2] + "…"),
        (FLAGS + "x", 8, FLAGS[:2] + "…"),
        ("a\u1112\u1161\u11abx", 4, "a…"),
        ("a" + "\u0301" * 99, 10, "a" + "\u0301" * 8 + "…"),
        ("\U0001f600" * 99, 2, "…"),
    ],
    ids=ascii,
)
def test_a_text_is_cut_between_letters(text, limit, said):
    assert cut(text, limit) == said


@given(st.text(), st.integers(min_value=2, max_value=50))
@example("\U0001f600" * 30, 2)
def test_a_cut_text_is_never_too_long_and_begins_as_the_whole_does(text, limit):
    said = cut(text, limit)
    assert length(said) <= limit
    assert said == text or text.startswith(said[:-1])


def test_what_cannot_be_seen_goes_and_a_joined_face_stays_whole():
    assert one_line("a\r\nb\u202ec\ud800 \x1b\tz") == "a bc z"
    assert one_line(f"{FAMILY}\u200d") == FAMILY
    assert one_line("plain  words ") == "plain words"


@given(st.text())
def test_one_line_is_one_line_and_stays_so(text):
    said = one_line(text)
    assert one_line(said) == said
    assert not {"Cc", "Cs", "Zl", "Zp"} & {unicodedata.category(char) for char in said}
