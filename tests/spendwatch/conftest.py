"""What tests of the service in Slack and in Azure ask for."""

from tests.azure.fixtures import log_analytics, log_analytics_process
from tests.slack.fixtures import slack, slack_process

__all__ = ["log_analytics", "log_analytics_process", "slack", "slack_process"]
