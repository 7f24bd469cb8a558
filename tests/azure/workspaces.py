"""Several workspaces of one made-up gateway, each with what is wrong with it, on one clock.

    with LocalLogAnalytics(WORKSPACES, days=4, tenants=40, calls_a_day=800) as local:
        local.engine("set_clock", at="2026-11-03T02:00:00+00:00")
        local.engine("become", place=OTHER, missing=["ApiManagementGatewayLlmLog"])

The same options make the same telemetry in the process of the server and in that of the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import duckdb

from tests.azure.engine import Engine, Workspace
from tests.azure.telemetry import Shape, Telemetry, make
from tests.azure.telemetry_calls import draw
from tests.azure.telemetry_rows import write_rows

WORKSPACES = "tests.azure.workspaces:open_workspaces"
HOSTILE = (
    "<!channel>",
    "<@U1>",
    "*b*",
    "<script>alert(1)</script>",
    '=HYPERLINK("http://x.example")',
    "' or 1=1",
    '"; drop table x; //',
    "{{7*7}}",
    "%0d%0aBcc: x@x.example",
    "\U0001f4a9" * 300,
    "\u202eevil\u202c",
    "a\u0301\u0327\u0308",
    "x" * 10_000,
    'a\\"b\\',
    "line\nbreak\ttab",
    "let window_start = datetime(null);",
    "| union ApiManagementGatewayLogs",
    '","x-tenant-id":"somebody-else',
)
"""Names that callers may send; fault 92's, and those that aim at our queries."""


def shape_of(first_day: str = "", **options: Any) -> Shape:
    """Read a shape from what a command line can hold."""
    first = {"first_day": date.fromisoformat(first_day)} if first_day else {}
    return Shape(**first, **options)


LATE = """
UPDATE calls SET kind = 'plain', api = 'openai-chat', status = 200, streamed = false,
  backend = 'standard-east', spilled = false, headers_lost = false, feature = 'chat', product = '',
  tenant = 'late-' || call % 6, subscription = 'sub-' || call % 6, "user" = '',
  deployment = 'chat-large', model = 'gpt-4.1-2025-04-14', usage_rows = 1, message_rows = 0,
  in_gateway = true, in_tokens = true, prompt = 1000000, completion = 0, cached = 0,
  cached_header = 'present';
UPDATE calls SET prompt = 4000000, tokens_at = CASE WHEN call // 6 % 2 = 0 THEN tokens_at
    ELSE started + INTERVAL 40 HOUR END, tokens_again_at = NULL
  WHERE tenant = 'late-0' AND started::DATE = DATE '{spike}';
UPDATE calls SET gateway_at = started + INTERVAL 46 HOUR, gateway_again_at = NULL
  WHERE tenant = 'late-1' AND started::DATE = DATE '{spike}' AND call // 6 % 5 > 0;
"""
"""Six tenants that use the same each day; on one day the first of them uses four times as much, and
half of its tokens are there 40 hours later; most calls of the second are there 46 hours later."""


@cache
def telemetry_of(
    *, hostile: bool = False, metrics: bool = False, spike: str = "", **options: Any
) -> Telemetry:
    """Make the telemetry of some options, once in a process."""
    shape, also = shape_of(**options), ("metrics",) if metrics else ()
    if not (hostile or spike):
        return make(shape, also=also)
    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    drawn = draw(shape)  # noqa: F841 - DuckDB reads it by its name
    connection.execute("CREATE TABLE calls AS SELECT * FROM drawn")
    if spike:
        connection.execute(LATE.format(spike=spike))
        write_rows(connection, shape.seed, also)
        return Telemetry(shape, connection)
    connection.execute(
        """
        UPDATE calls SET tenant = $names[1 + call % len($names)],
          feature = $names[1 + call // 7 % len($names)], "user" = $names[1 + call % len($names)],
          product = $names[1 + call // 5 % len($names)],
          subscription = $names[1 + call // 3 % len($names)],
          deployment = $names[1 + call // 11 % len($names)],
          model = CASE WHEN call % 4 = 0 THEN $names[1 + call // 13 % len($names)] ELSE model END
        """,
        {"names": list(HOSTILE)},
    )
    write_rows(connection, shape.seed, also)
    return Telemetry(shape, connection)


Asked = tuple[str, datetime | None, str, datetime, datetime]
"""Of what, when, and what."""


class Workspaces:
    """An engine for each place that is asked; all of them hold the same rows, for good.

    So what was asked before, of a workspace like this one at this time, is answered from memory.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._clock: datetime | None = None
        self._quirks: dict[str, Workspace] = {}
        self._answers: dict[Asked, dict[str, Any]] = {}

    def at(self, place: str) -> _Remembering:
        """Give the engine of a workspace."""
        engine = Engine(self._telemetry.connection, self._quirks.get(place), self._clock)
        return _Remembering(engine, self._answers)

    def run(self, query_text: str, begin: datetime, end: datetime) -> dict[str, Any]:
        """Answer as a workspace with nothing wrong."""
        return self.at("").run(query_text, begin, end)

    def set_clock(self, at: str) -> None:
        """Let the rows be there that had arrived by now; an empty text is the end of time."""
        self._clock = datetime.fromisoformat(at) if at else None

    def become(
        self,
        place: str,
        missing: tuple[str, ...] = (),
        empty: tuple[str, ...] = (),
        **more: Any,
    ) -> None:
        """Let a workspace be as ``engine.Workspace`` says; with nothing more it is well again."""
        self._quirks[place] = Workspace(frozenset(missing), frozenset(empty), **more)


@dataclass(frozen=True)
class _Remembering:
    """An engine that runs no query twice; what it refuses it looks at again."""

    engine: Engine
    answers: dict[Asked, dict[str, Any]]

    def run(self, query_text: str, begin: datetime, end: datetime) -> dict[str, Any]:
        """Answer a query for a window of time."""
        key = repr(self.engine.workspace), self.engine.clock, query_text, begin, end
        if key not in self.answers:
            self.answers[key] = self.engine.run(query_text, begin, end)
        return self.answers[key]


def open_workspaces(**options: Any) -> Workspaces:
    """Open the workspaces of a server."""
    return Workspaces(telemetry_of(**options))
