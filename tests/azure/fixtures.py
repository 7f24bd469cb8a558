"""Fixtures for a folder's conftest: ``from tests.azure.fixtures import log_analytics, ...``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.azure.local import LocalLogAnalytics

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def log_analytics_process() -> Iterator[LocalLogAnalytics]:
    """Start the local Log Analytics once for everybody."""
    with LocalLogAnalytics() as local:
        yield local


@pytest.fixture
def log_analytics(log_analytics_process: LocalLogAnalytics) -> LocalLogAnalytics:
    """A local Log Analytics that remembers nothing of other tests."""
    log_analytics_process.reset()
    return log_analytics_process
