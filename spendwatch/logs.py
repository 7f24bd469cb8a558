"""Logging: one line per unit of work; readable on a terminal, JSON anywhere else."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

import structlog

from spendwatch.secrecy import veiled
from spendwatch.streams import Forgiving

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def logger() -> FilteringBoundLogger:
    """Return the logger of this process; it writes to standard error alone, or nowhere."""
    processors: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    stream = Forgiving(sys.stderr)
    if stream.isatty():
        processors.append(structlog.dev.ConsoleRenderer(colors=False))
    else:
        # Escapes every control character, so that a hostile name stays on its line.
        processors.append(structlog.processors.JSONRenderer(sort_keys=True))
    processors.append(_veil)
    structlog.configure(
        processors=processors,
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", stream)),
        cache_logger_on_first_use=False,
    )
    bound: FilteringBoundLogger = structlog.get_logger()
    return bound


def _veil(_logger: object, _method: str, line: str) -> str:
    """Take every secret out of a line, a traceback and whatever an exception says included."""
    return veiled(line)
