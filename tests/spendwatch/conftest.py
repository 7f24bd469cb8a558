"""What tests of the service in Slack ask for."""

from tests.slack.fixtures import slack, slack_process

__all__ = ["slack", "slack_process"]
