"""How long the other side asks to wait, by the header Retry-After."""

from __future__ import annotations

import math
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DEFAULT_WAIT_S, LONGEST_WAIT_S = 30.0, 900.0


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float:
    """Read for how many seconds to wait; what cannot be read is half a minute.

    ``now`` is what a moment in it is counted from, which HTTP allows too.
    """
    written = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(written)
    except (TypeError, ValueError):
        seconds = _until(written, now)
    if not math.isfinite(seconds) or seconds < 0:
        return DEFAULT_WAIT_S
    return min(seconds, LONGEST_WAIT_S)


def _until(written: str, now: datetime | None) -> float:
    try:
        return (parsedate_to_datetime(written) - now).total_seconds() if now else math.nan
    except (TypeError, ValueError):
        return math.nan
