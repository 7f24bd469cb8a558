"""The queries that ship, and values to bind in each: what tests of them share."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "detector/sources/kql"
QUERIES = sorted(path.name for path in FOLDER.glob("*.kql"))
CHECK = ROOT / ".ci/kql/check.js"
SCHEMA = ROOT / "tests/azure/log_analytics_schema.json"
RESULTS = ROOT / "tests/azure/query_results.json"

needs_parser = pytest.mark.skipif(
    shutil.which("node") is None
    or not (CHECK.parent / "node_modules/.installed-lock.json").exists(),
    reason="needs Node.js and Microsoft's parser of KQL; `make lint` installs it",
)

_USAGE = {"slot_minutes": 60}
_LLM = {
    "apis": [],
    "tell_rows_without_call": True,
    "by_user": False,
    "by_backend": False,
    "request_header_name": "",
    "feature_header_name": "",
    "response_header_name": "",
    "trace_name": "",
    "cached_header_name": "",
}
_DIMENSIONS = {
    **{f"dimension_{nth}": "" for nth in range(1, 6)},
    "model_dimension": "",
    "deployment_dimension": "",
    "api_dimension": "",
    "streamed_dimension": "",
    "service_ids": [],
}
_LATE = {"since": datetime(2026, 11, 3, tzinfo=UTC)}
_VALUES: dict[str, dict[str, Any]] = {
    "llm_usage": _USAGE | _LLM,
    "metric_usage": _USAGE | _DIMENSIONS,
    "late_llm": _LATE,
    "late_metrics": _LATE,
}


def text_of(name: str) -> str:
    """What stands in a query's file."""
    return (FOLDER / name).read_text(encoding="utf-8")


def code_of(name: str) -> str:
    """A query without its comments (no text of ours holds two slashes)."""
    return re.sub(r"//.*", "", text_of(name))


def values_of(name: str) -> dict[str, Any]:
    """A value for each parameter, all that is optional switched off."""
    return dict(_VALUES.get(name.removesuffix(".kql").removesuffix("_classic"), {}))


def check_queries(*files: Path, results: Path = RESULTS) -> subprocess.CompletedProcess[str]:
    """Hand queries to Microsoft's parser, as `make lint` does."""
    return subprocess.run(
        ["node", CHECK, SCHEMA, results, *files], capture_output=True, text=True, check=False
    )
