"""Which addresses are never called, however they are written."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.public_addresses import Private, refusal, refusal_of_host

UNSPECIFIED = "0.0.0.0"  # noqa: S104 - it is refused, not bound to
CLOSED = [
    "169.254.169.254", "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.31.255.255", "192.168.1.1",
    "100.64.0.1", "100.100.100.200", "168.63.129.16", UNSPECIFIED, "0.1.2.3", "224.0.0.1",
    "255.255.255.255", "240.0.0.1", "198.18.0.1", "192.0.2.1", "192.88.99.1",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1",
    "3fff::1", "4000::1",
]  # fmt: skip
OPEN = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"]
NEVER = [
    "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "168.63.129.16", "100.100.100.200",
    "fd00:ec2::254", UNSPECIFIED, "::", "224.0.0.1", "ff02::1", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("text", CLOSED)
def test_fault_96_what_is_not_open_to_the_internet_is_not_called(text):
    assert refusal(ip_address(text))
    assert refusal_of_host(text).startswith(f"{text} is ")


@pytest.mark.parametrize("text", OPEN)
def test_what_is_open_is_called(text):
    assert refusal(ip_address(text)) == ""
    assert refusal_of_host(text) == ""


@pytest.mark.parametrize("text", NEVER)
def test_fault_96_what_clouds_keep_for_themselves_is_not_called_even_where_it_is_named(text):
    everything = Private.of(["0.0.0.0/0", "::/0", "hooks.corp.example"])
    assert refusal(ip_address(text), "hooks.corp.example", everything)


@pytest.mark.parametrize("text", sorted(set(CLOSED) - set(NEVER) - {"0.1.2.3", "240.0.0.1",
                                        "64:ff9b::a9fe:a9fe", "fe80::1%eth0"}))  # fmt: skip
def test_what_is_named_may_be_private(text):
    assert refusal(ip_address(text), "hooks.corp.example", Private.of(["hooks.corp.example"])) == ""
    assert refusal(ip_address(text), "other.example", Private.of(["hooks.corp.example"]))


def test_a_network_that_is_named_may_be_called_by_any_name():
    private = Private.of(["10.1.0.0/16", "::1/128"])
    assert refusal(ip_address("10.1.2.3"), "x", private) == ""
    assert refusal(ip_address("10.2.2.3"), "x", private)
    assert refusal(ip_address("::ffff:10.1.2.3"), "x", private) == ""
    assert refusal_of_host("[::1]", private) == ""
    assert refusal_of_host("10.2.0.1", private)


def test_the_name_of_this_machine_is_known_without_looking_it_up():
    for name in ("localhost", "LOCALHOST.", "x.localhost"):
        assert "this machine" in refusal_of_host(name)
    assert refusal_of_host("localhost", Private.of(["127.0.0.0/8"])) == ""
    assert refusal_of_host("localhost", Private.of(["localhost"])) == ""


@given(st.ip_addresses())
def test_what_is_called_is_what_everybody_can_reach(address):
    if refusal(address) == "":
        mapped = getattr(address, "ipv4_mapped", None)
        inside = str(address).startswith("64:ff9b::")  # translated, and looked into by us
        assert (mapped or address).is_global or inside
        assert not address.is_multicast
