"""The local Slack's own tests use it as all others do."""

import pytest
from slack_sdk import WebClient

from tests.slack.fixtures import slack, slack_process

__all__ = ["slack", "slack_process"]


@pytest.fixture
def web(slack):
    """The real client, as it comes but for its habit of posting again by itself."""
    return WebClient(slack.bot_token, base_url=slack.base_url, retry_handlers=[])
