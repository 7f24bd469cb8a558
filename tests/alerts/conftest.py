"""What tests of the Slack channel ask for."""

from tests.slack.fixtures import slack, slack_process

__all__ = ["slack", "slack_process"]
