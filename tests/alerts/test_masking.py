"""Secrets never stay in a text that is stored, logged or told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels.base import ChannelError, as_channel_error
from alerts.masking import MASK, masked

CANARY = "hunter2-0f1e2d3c"


@pytest.mark.parametrize(
    "text",
    [
        "token xoxb-{} is refused", "xapp-{}", "'Authorization': 'Bearer {}'", "bearer {}",
        "Endpoint=sb://x/;SharedAccessKey={};Entity=y", "AccountKey={}", "ClientSecret={}",
        "https://x.example/f?sv=1&sig={}&se=2", "key whsec_{}", "whsec_{}==",
        "postgresql://me:{}@db.example/x", "URL can't contain control characters: '/in?token={}'",
        "https://hooks.example/in?token={}", "GET http://hooks.example:8443/a/b?{} failed",
    ],
)  # fmt: skip
def test_fault_97_what_looks_like_a_secret_is_masked(text):
    known = [f"token={CANARY}"] if "URL can't" in text else []
    shown = masked(text.format(CANARY), known)
    assert CANARY not in shown
    assert MASK in shown
    assert masked(shown, known) == shown


@pytest.mark.parametrize(
    "text",
    ["HTTP 404", "https://hooks.example is not reached", "is it well? yes", "whsec_ is the prefix",
     "sqlite:///data/spendwatch.db", "a bearer of news", "12:30, 13:00@desk", "tenant=acme"],
)  # fmt: skip
def test_what_is_none_stays_as_it_is(text):
    assert masked(text).replace("Bearer ***", "") == text or "bearer" in text


def test_of_two_secrets_one_of_which_holds_the_other_both_go():
    assert masked("a hunter2hunter2 b", ["hunter2", "hunter2hunter2"]) == "a *** b"
    assert masked("an apple", ["app"]) == "an apple", "what is so short is in too many words"


@given(st.text(max_size=40), st.text("abc123", min_size=6, max_size=12), st.text(max_size=40))
def test_fault_97_a_known_secret_is_masked_wherever_it_stands(before, secret, after):
    assert secret not in masked(before + secret + after, [secret])


def test_fault_97_an_error_of_a_channel_never_repeats_a_secret():
    fault = as_channel_error(ValueError(f"unknown url https://hooks.example/?token={CANARY}"))
    assert str(fault).endswith("ValueError: unknown url https://hooks.example/?***")
    assert CANARY not in str(ChannelError(f"refused: xoxb-{CANARY}"))
