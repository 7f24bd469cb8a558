"""Links of mails: good for one purpose, one message and a time, and for nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.links import LIFETIMES, LinkExpired, LinkRefused, LinkUnknown, Purpose, Signing
from tests.builders import NOW

OLD, NEW = "o" * 32, "n" * 32
SIGNING = Signing((NEW,))
SECOND = timedelta(seconds=1)


def test_a_link_says_which_message_it_stood_in_and_since_when_it_is_good():
    link = SIGNING.read(Purpose.ANSWER, SIGNING.token(Purpose.ANSWER, 12, NOW), NOW + SECOND)
    assert (link.number, link.given_at) == (12, NOW)


def test_a_retry_of_a_mail_has_the_same_link():
    assert len({SIGNING.token(Purpose.ANSWER, 12, NOW) for _ in range(3)}) == 1


@pytest.mark.parametrize("purpose", Purpose)
def test_fault_89_an_expired_link_is_told_from_an_unknown_one(purpose):
    token, end = SIGNING.token(purpose, 12, NOW), NOW + LIFETIMES[purpose]
    assert SIGNING.read(purpose, token, end).number == 12
    with pytest.raises(LinkExpired):
        SIGNING.read(purpose, token, end + SECOND)


@pytest.mark.parametrize(
    ("given_for", "used_for"), [(a, b) for a in Purpose for b in Purpose if a is not b]
)
def test_fault_89_a_link_for_something_else_is_unknown(given_for, used_for):
    token = SIGNING.token(given_for, 12, NOW)
    with pytest.raises(LinkUnknown):
        SIGNING.read(used_for, token, NOW)


def test_fault_89_no_flipped_bit_and_no_cut_is_good():
    token = SIGNING.token(Purpose.ANSWER, 12, NOW)
    flipped = [
        token[:place] + chr(ord(token[place]) ^ 1) + token[place + 1 :]
        for place in range(len(token))
    ]
    for other in [*flipped, *(token[:length] for length in range(len(token)))]:
        # The last letter of a signature has bits that mean nothing.
        if other != token and other[:-1] != token[:-1]:
            with pytest.raises(LinkRefused):
                SIGNING.read(Purpose.ANSWER, other, NOW)


@pytest.mark.parametrize("token", ["", ".", "..", "12", "12.a.b", "é.ü.ö", "x" * 10_000, "12\n"])
def test_fault_89_what_is_no_token_is_unknown_and_no_fault(token):
    with pytest.raises(LinkUnknown):
        SIGNING.read(Purpose.ANSWER, token, NOW)


def test_fault_89_links_of_the_old_key_are_good_until_it_is_taken_out():
    token = Signing((OLD,)).token(Purpose.ANSWER, 12, NOW)
    assert Signing((NEW, OLD)).read(Purpose.ANSWER, token, NOW).number == 12
    assert Signing((NEW, OLD)).token(Purpose.ANSWER, 12, NOW) != token
    with pytest.raises(LinkUnknown):
        SIGNING.read(Purpose.ANSWER, token, NOW)


def test_a_link_from_the_future_is_not_good():
    with pytest.raises(LinkExpired):
        SIGNING.read(Purpose.ANSWER, SIGNING.token(Purpose.ANSWER, 12, NOW + SECOND), NOW)


def test_a_token_gives_away_the_number_of_the_message_and_nothing_else():
    token = SIGNING.token(Purpose.ANSWER, 12, NOW)
    assert token.startswith("12.")
    assert NEW not in token
    assert len(token) < 80
