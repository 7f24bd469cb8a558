"""Fixtures for a folder's conftest: ``from tests.slack.fixtures import slack, slack_process``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.slack.local import LocalSlack

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def slack_process() -> Iterator[LocalSlack]:
    """Start the local Slack once for everybody."""
    with LocalSlack() as local:
        yield local


@pytest.fixture
def slack(slack_process: LocalSlack) -> LocalSlack:
    """A local Slack that remembers nothing of other tests."""
    slack_process.reset()
    return slack_process
