"""Made-up telemetry of an API Management gateway, and the truth about it.

    telemetry = make(Shape(days=31, tenants=200, calls_a_day=20_000))
    engine = Engine(telemetry.connection, clock=datetime(2026, 11, 3, tzinfo=UTC))
    telemetry.truth(by=("tenant", "model"), at=engine.clock)

``Shape`` says how much and ``Mix`` how often what goes wrong (``telemetry_calls``); the tables are
written by ``telemetry_rows``, the truth is worked out by ``telemetry_truth``. The same shape makes
the same telemetry in every process, so a server may make its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from tests.azure.telemetry_calls import Mix, Shape, draw, subscription_of, tenant_names
from tests.azure.telemetry_rows import write_rows
from tests.azure.telemetry_truth import WHO, Sums, Truth, logged, metered

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

__all__ = ["Mix", "Shape", "Sums", "Telemetry", "Truth", "make"]


@dataclass(frozen=True, slots=True)
class Telemetry:
    """The stored tables of one workspace, and the calls they tell of (table ``calls``)."""

    shape: Shape
    connection: duckdb.DuckDBPyConnection

    def truth(
        self,
        by: Sequence[str] = WHO,
        at: datetime | None = None,
        minutes: int = 60,
        where: str = "true",
    ) -> Truth:
        """What the gateway's logs hold at a moment; None is once every row has come."""
        return logged(self.connection, by, at, minutes, where)

    def metric_truth(self, by: Sequence[str], minutes: int = 60, where: str = "true") -> Truth:
        """What the token metrics hold."""
        return metered(self.connection, by, minutes, where)

    def subscriptions(self) -> dict[str, str]:
        """The tenant of every subscription that is one tenant's own."""
        names = tenant_names(self.shape.tenants)
        return {subscription_of(n): name for n, name in enumerate(names) if n % 2 == 0}


def make(
    shape: Shape | None = None, path: str = ":memory:", also: Collection[str] = ()
) -> Telemetry:
    """Make the telemetry of a shape; ``also`` "metrics" and "diagnostics" where asked."""
    wanted = shape or Shape()
    connection = duckdb.connect(path)
    connection.execute("SET TimeZone='UTC'")
    drawn = draw(wanted)  # noqa: F841 - DuckDB reads it by its name
    connection.execute("CREATE TABLE calls AS SELECT * FROM drawn")
    write_rows(connection, wanted.seed, also)
    return Telemetry(wanted, connection)
