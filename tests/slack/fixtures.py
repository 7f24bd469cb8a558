"""Fixtures for a folder's conftest: ``from tests.slack.fixtures import slack, slack_process``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.slack.local import LocalSlack

if TYPE_CHECKING:
    from collections.abc import Iterator

PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
"""The client would look for the local Slack behind them."""


@pytest.fixture(scope="session")
def slack_process() -> Iterator[LocalSlack]:
    """Start the local Slack once for everybody."""
    with LocalSlack() as local:
        yield local


@pytest.fixture
def slack(slack_process: LocalSlack, monkeypatch: pytest.MonkeyPatch) -> LocalSlack:
    """A local Slack that remembers nothing of other tests."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    slack_process.reset()
    return slack_process
