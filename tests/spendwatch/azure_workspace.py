"""A workspace with made-up telemetry for the local Log Analytics; the same in every process."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from tests.azure.engine import Engine
from tests.azure.telemetry import Shape, Telemetry, make

ENGINE = "tests.spendwatch.azure_workspace:open_workspace"
SHAPE = Shape(days=2, tenants=6, calls_a_day=400)
NOW = datetime(2026, 11, 2, 18, 20, tzinfo=UTC)


@cache
def telemetry() -> Telemetry:
    """Make the telemetry, and the truth about it."""
    return make(SHAPE)


def open_workspace() -> Engine:
    """Open the workspace as it is at NOW."""
    return Engine(telemetry().connection, clock=NOW)
