"""Requests that claim to be Slack's: signed by the rule of its documentation, here by hand."""

from __future__ import annotations

import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.slack.signatures import MOST_BYTES, Remembered, Signed, Trust, trust_in
from tests.builders import NOW

SECRET, BEFORE, OTHER = "8f742231b10e8888abcd99yyyzzz85a5", "an-older-secret", "not-ours"
BODY = "payload=%7B%22type%22%3A%22block_actions%22%7D&name=\u00fc".encode()
NOW_S = int(NOW.timestamp())


def signed(body=BODY, timestamp=str(NOW_S), secret=SECRET):
    base = b"v0:" + timestamp.encode() + b":" + body
    made = hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()
    return Signed(body, timestamp, f"v0={made}")


def trust(request, *, secrets=(SECRET,), now=NOW, remembered=None):
    return trust_in(request, secrets, now, Remembered() if remembered is None else remembered)


def test_the_example_of_slacks_documentation_is_genuine():
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    made = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    then = NOW + timedelta(seconds=1531420618 - NOW.timestamp())
    assert trust(Signed(body, "1531420618", made), now=then) is Trust.GENUINE


@given(st.text(max_size=300).map(str.encode), st.integers(-300, 300))
def test_whatever_slack_signs_is_genuine_within_300_seconds_either_way(body, off_s):
    assert trust(signed(body, str(NOW_S + off_s))) is Trust.GENUINE


@pytest.mark.parametrize("off_s", [-301, 301, -3_600, 600])
def test_fault_87_what_is_older_or_from_the_future_is_not_trusted(off_s):
    assert trust(signed(timestamp=str(NOW_S + off_s))) is Trust.UNTRUSTED


@given(st.binary(max_size=300))
def test_fault_86_another_body_than_the_one_that_was_signed_is_not_trusted(body):
    expected = Trust.GENUINE if body == BODY else Trust.UNTRUSTED
    assert trust(replace(signed(), body=body)) is expected


@given(st.one_of(st.none(), st.text(max_size=80)), st.one_of(st.none(), st.text(max_size=80)))
def test_fault_86_no_made_up_time_or_signature_is_trusted_and_none_raises(timestamp, signature):
    assert trust(Signed(BODY, timestamp, signature)) is Trust.UNTRUSTED
    assert trust(Signed(BODY, str(NOW_S), signature)) is Trust.UNTRUSTED


@pytest.mark.parametrize(
    "timestamp", ["", "soon", "1e9", "nan", "-1", "1" * 5_000, f"{NOW_S}.5", "\u0661"]
)
def test_fault_86_a_time_that_is_no_number_is_not_trusted_whoever_signed_it(timestamp):
    assert trust(signed(timestamp=timestamp)) is Trust.UNTRUSTED


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"timestamp": None},
        {"signature": "v0=\u00e4"},
        {"signature": signed().signature.replace("v0=", "v1=")},
        {"signature": signed().signature.removeprefix("v0=")},
        {"signature": signed().signature[:-1]},
        {"body": b"\xff" + BODY},
    ],
    ids=lambda change: str(change)[:30],
)
def test_fault_86_what_is_missing_malformed_or_of_another_version_is_not_trusted(change):
    assert trust(replace(signed(), **change)) is Trust.UNTRUSTED


@pytest.mark.parametrize("secrets", [(), ("",), (OTHER,), ("", OTHER)])
def test_fault_86_without_the_right_secret_nothing_is_trusted(secrets):
    assert trust(signed(), secrets=secrets) is Trust.UNTRUSTED


def test_while_the_secret_is_replaced_both_are_good_and_no_third_one():
    for secret in (SECRET, BEFORE):
        assert trust(signed(secret=secret), secrets=(SECRET, BEFORE)) is Trust.GENUINE
        assert trust(signed(secret=secret), secrets=("", secret)) is Trust.GENUINE
    assert trust(signed(secret=OTHER), secrets=(SECRET, BEFORE)) is Trust.UNTRUSTED


class Touchy(str):
    """A text that notices when it is compared letter by letter."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        raise AssertionError("compared by ==, which stops at the first letter that differs")


def test_signatures_are_compared_in_constant_time_and_with_every_secret():
    request, tried = signed(secret=BEFORE), []
    touchy = replace(request, signature=Touchy(request.signature))
    secrets = (tried.append(each) or each for each in (BEFORE, SECRET))
    assert trust(touchy, secrets=secrets) is Trust.GENUINE
    assert tried == [BEFORE, SECRET], "also after a match"


def test_fault_88_a_body_that_is_too_large_is_not_hashed():
    assert trust(signed(b"x" * MOST_BYTES)) is Trust.GENUINE
    tried = []
    secrets = (tried.append(each) or each for each in [SECRET])
    assert trust(signed(b"x" * (MOST_BYTES + 1)), secrets=secrets) is Trust.TOO_LARGE
    assert tried == []


def test_fault_87_a_request_counts_once_for_as_long_as_its_signature_is_good():
    remembered, request = Remembered(), signed(timestamp=str(NOW_S + 300))
    assert trust(request, remembered=remembered) is Trust.GENUINE
    for later_s in (0, 1, 299, 599):
        later = NOW + timedelta(seconds=later_s)
        assert trust(request, now=later, remembered=remembered) is Trust.REPEATED
    over = NOW + timedelta(seconds=601)
    assert trust(request, now=over, remembered=remembered) is Trust.UNTRUSTED


def test_what_is_remembered_is_forgotten_after_ten_minutes_and_bounded_meanwhile():
    remembered = Remembered(most=3)
    taken = [trust(signed(b"%d" % each), remembered=remembered) for each in range(4)]
    assert taken == [*[Trust.GENUINE] * 3, Trust.TOO_MANY]
    later = NOW + timedelta(seconds=600)
    request = signed(timestamp=str(NOW_S + 600))
    assert trust(request, now=later, remembered=remembered) is Trust.GENUINE
    assert len(remembered) == 1


def test_what_is_forged_takes_no_room():
    remembered = Remembered()
    trust(signed(secret=OTHER), remembered=remembered)
    assert len(remembered) == 0


def test_of_many_who_bring_the_same_request_at_once_one_is_taken():
    remembered, request = Remembered(), signed()
    with ThreadPoolExecutor(8) as many:
        found = list(many.map(lambda _: trust(request, remembered=remembered), range(64)))
    assert sorted(found) == sorted([Trust.GENUINE, *[Trust.REPEATED] * 63])
