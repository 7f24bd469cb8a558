"""The local Log Analytics' own tests, and those of the client, use it as all others do."""

from tests.azure.fixtures import log_analytics, log_analytics_process

__all__ = ["log_analytics", "log_analytics_process"]
