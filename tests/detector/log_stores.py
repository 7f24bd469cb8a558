"""A log store that answers what it was told to, and the rows of the queries we ship."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from detector.sources.base import SourceError
from detector.sources.log_query import Answer

DAY = datetime(2026, 11, 12, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
LLM_COLUMNS = (
    "slot", "subscription", "product", "user", "api", "backend", "request_header",
    "response_header", "trace", "feature_header", "model", "deployment", "spilled", "streamed",
    "cached_known", "requests", "without_tokens", "without_call", "prompt_tokens",
    "completion_tokens", "cached_tokens", "ingested_at",
)  # fmt: skip
METRIC_COLUMNS = (
    "slot", "dimension_1", "dimension_2", "dimension_3", "dimension_4", "dimension_5", "model",
    "deployment", "api", "streamed", "requests", "prompt_tokens", "completion_tokens",
    "cached_tokens", "cached_known", "total_tokens", "ingested_at",
)  # fmt: skip
HOSTILE = [
    "<!channel>",
    "<@U1>",
    "*b*",
    "<script>alert(1)</script>",
    "=HYPERLINK()",
    "' or 1=1",
    '"; drop table T //',
    "{{7*7}}",
    "%0d%0aBcc:",
    "\N{GRINNING FACE}" * 290,
    "\N{RIGHT-TO-LEFT OVERRIDE}evil",
    "Z\N{COMBINING ACUTE ACCENT}\N{COMBINING CARON}",
    "a\nb\rc",
    "nul\0inside",
    "half \ud83d a character",
    "dynamic([])",
    "let apis = 1;",
]


class ScriptedStore:
    """Answers each statement from the table of its name: columns and rows, the time first.

    ``partial`` holds moments that no answer ever holds whole; ``fails`` what the next asking
    raises; ``asked`` remembers statement, begin and end.
    """

    place = "workspace W-1"

    def __init__(self, **tables):
        self.tables = {f"{name}.kql": table for name, table in tables.items()}
        self.partial = set()
        self.fails = []
        self.asked = []

    def ask(self, statement, begin, end):
        self.asked.append((statement, begin, end))
        if self.fails:
            raise self.fails.pop(0)
        if statement.name not in self.tables:
            raise SourceError(f"{statement.name}: there is no such table")
        columns, rows = self.tables[statement.name]
        held = [row for row in rows if _in_time(row[0], begin, end)]
        lacking = [at for at in self.partial if begin <= at < end]
        return Answer(tuple(columns), held, not lacking, "too many rows" if lacking else "")

    def names(self):
        return [statement.name for statement, _, _ in self.asked]


def _in_time(cell, begin, end):
    """Whether a row is asked for; a cell that is no time stands in every answer."""
    return not isinstance(cell, datetime) or begin <= cell < end


def llm(slot=DAY, **cells):
    """One row of llm_usage.kql."""
    plain = dict.fromkeys(LLM_COLUMNS, "")
    plain |= dict.fromkeys(("spilled", "streamed", "cached_known"), False)
    plain |= dict.fromkeys(
        ("without_tokens", "without_call", "prompt_tokens", "completion_tokens", "cached_tokens"), 0
    )
    plain |= {"model": "gpt-4o", "requests": 1, "ingested_at": slot + 5 * HOUR}
    return list((plain | {"slot": slot} | known(LLM_COLUMNS, cells)).values())


def metric(slot=DAY, **cells):
    """One row of metric_usage.kql; its total is the sum of its parts."""
    plain = dict.fromkeys(METRIC_COLUMNS, "")
    plain |= {"requests": 1, "cached_tokens": 0, "cached_known": False, "ingested_at": slot}
    plain |= {"prompt_tokens": 0, "completion_tokens": 0}
    row = plain | {"slot": slot, "model": "gpt-4o"} | known(METRIC_COLUMNS, cells)
    row["total_tokens"] = cells.get("total_tokens", row["prompt_tokens"] + row["completion_tokens"])
    return [row[name] for name in METRIC_COLUMNS]


def known(columns, cells):
    assert cells.keys() <= set(columns)
    return cells
