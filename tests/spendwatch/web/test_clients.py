from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.web.clients import Pace, client_of, is_this_machine

OURS = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "heard", "client"),
    [
        ("192.0.2.9", "", "192.0.2.9"),
        ("192.0.2.9", "10.0.0.1", "192.0.2.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("::1", "1.1.1.1, 192.0.2.9, 10.0.0.2", "192.0.2.9"),
        ("::ffff:10.0.0.1", "192.0.2.9", "192.0.2.9"),
        ("10.0.0.1", "192.0.2.9, unknown", "10.0.0.1"),
        ("10.0.0.1", ",", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("", "192.0.2.9", ""),
    ],
)
def test_a_client_is_whom_the_last_proxy_of_ours_heard(peer, heard, client):
    assert client_of(peer, heard, OURS) == client


@given(st.text(max_size=60), st.text(max_size=200))
def test_whatever_is_said_of_a_client_is_borne(peer, heard):
    assert isinstance(client_of(peer, heard, OURS), str)


def test_this_machine_is_known_under_both_kinds_of_address():
    known = ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "192.0.2.1", "localhost", "")
    assert [is_this_machine(each) for each in known] == [True] * 4 + [False] * 3


def test_a_bucket_fills_up_with_time_and_never_above_what_it_holds():
    pace = Pace(a_minute=60)
    assert [pace.wait_s("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert pace.wait_s("a", 0.0) == pytest.approx(1.0)
    assert pace.wait_s("b", 0.0) == 0, "another's is its own"
    assert [pace.wait_s("a", 1.0) > 0 for _ in range(2)] == [False, True]
    later = [pace.wait_s("a", 100_000.0) for _ in range(61)]
    assert [wait_s > 0 for wait_s in later] == [False] * 60 + [True]


def test_a_household_cannot_ask_once_for_each_of_its_addresses():
    pace = Pace(a_minute=1)
    assert pace.wait_s("2001:db8::1", 0.0) == 0
    assert pace.wait_s("2001:db8::2", 0.0) > 0
    assert pace.wait_s("2001:db8:0:1::2", 0.0) == 0


def test_what_is_remembered_of_clients_is_bounded():
    pace = Pace(a_minute=1, most=100)
    for number in range(1_000):
        pace.wait_s(f"192.0.{number // 250}.{number % 250}", 0.0)
    assert len(pace) == 100
    assert pace.wait_s("192.0.3.249", 0.0) > 0, "of the newest ones"
