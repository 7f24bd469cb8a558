"""What tests of the web server ask for."""

from tests.slack.fixtures import slack, slack_process

__all__ = ["slack", "slack_process"]
