from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.web.rules import POLICY, OwnNames, name_of, security_headers

HERE = OwnNames("https://spend.example:8443")


def test_no_page_may_run_a_script_load_from_others_or_be_framed():
    assert "script-src" not in POLICY
    assert POLICY.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in POLICY
    assert "http" not in POLICY


def test_only_what_is_reached_over_tls_says_that_it_stays_so():
    assert "strict-transport-security" not in security_headers("http://127.0.0.1:8080")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a", "a"),
        ("A:1", "a"),
        (":1", ":1"),
        ("", ""),
        ("a:b", "a:b"),
        ("[::1]:1", "[::1]"),
        ("::1", ":"),
    ],
)
def test_a_host_is_known_without_its_port(host, name):
    assert name_of(host) == name


@given(st.text(max_size=60))
def test_whatever_stands_for_a_host_is_borne_and_no_other_name_is_ours(host):
    known = HERE.know(host)
    assert not known or name_of(host) in ("spend.example", "127.0.0.1", "localhost", "[::1]")


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"origin": "https://spend.example:8443"}, False),
        ({"origin": "HTTPS://SPEND.example:8443"}, False),
        ({"origin": "http://localhost:80", "host": "localhost:80"}, False),
        ({"origin": "http://localhost:81", "host": "localhost:80"}, True),
        ({"origin": "https://spend.example"}, True),
        ({"origin": ""}, True),
        ({"origin": "https://"}, True),
        ({"origin": "null", "host": "null"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "", "origin": "https://spend.example:8443"}, True),
    ],
)
def test_fault_95_a_browser_is_believed_about_who_sent_it(headers, refused):
    assert HERE.refuse_site("POST", headers) is refused
    assert HERE.refuse_site("BREW", headers) is refused
    assert not HERE.refuse_site("GET", headers)


def test_without_a_public_address_the_name_that_was_asked_for_is_ours():
    assert not OwnNames("").refuse_site("POST", {"origin": "http://a:1", "host": "a:1"})
    assert OwnNames("").refuse_site("POST", {"origin": "http://b:1", "host": "a:1"})
