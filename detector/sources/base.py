"""The port every source of usage implements, and the one error it may raise.

Errors
------
SourceError
    The source could not answer. ``retryable`` says whether asking again may help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from detector.model import Rejection, Usage


class SourceError(Exception):
    """A source could not answer; only the adapter knows whether trying again can help."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


@dataclass(frozen=True, slots=True)
class Window:
    """Calendar days asked for, both ends included; None is open."""

    first_day: date | None = None
    last_day: date | None = None

    def holds(self, day: date) -> bool:
        """Whether ``day`` lies in the window."""
        after = self.first_day is None or day >= self.first_day
        return after and (self.last_day is None or day <= self.last_day)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a source knows of its own completeness for the window just streamed.

    Attributes
    ----------
    first_day, last_day : date or None
        The span the source answered for (inside the window asked); None where it held nothing.
    partial_days : frozenset of date
        Days asked for that may lack rows, inside the span or beside it; every other day inside is
        whole, and a key without a row on a whole day used nothing.
    unfinished_days : frozenset of date
        Days that are not over: what they lack is still to come.
    empty_days : frozenset of date
        Days beside the span that were answered for and held nothing.
    """

    first_day: date | None
    last_day: date | None
    partial_days: frozenset[date] = frozenset()
    unfinished_days: frozenset[date] = frozenset()
    empty_days: frozenset[date] = frozenset()

    @property
    def lacking_days(self) -> frozenset[date]:
        """Days that are not all there, for whatever reason."""
        return self.partial_days | self.unfinished_days


class UsageSource(Protocol):
    """Where usage comes from.

    Rows arrive ordered by ``start_at`` (so that one part of a day after the other can be
    committed in bounded memory); rows sharing a key within one answer are already summed.
    Rejections may stand anywhere in the stream.
    """

    @property
    def name(self) -> str:
        """The source's name in the settings; part of the ledger's key."""

    def usage(self, window: Window) -> Iterator[Usage | Rejection]:
        """Stream the usage of ``window``; raises SourceError."""

    def coverage(self) -> Coverage:
        """Say how complete the answer is; asked of days already streamed, and at the end."""


API = "api"
"""The carrier that names an API."""


@dataclass(frozen=True, slots=True)
class ApiDay:
    """What a gateway's telemetry showed of one API on one UTC day: how far it can be believed.

    Attributes
    ----------
    day : date
        In UTC.
    api : str
        The gateway's own id of the API; empty for rows that name none.
    calls : int
        Calls that went well or told tokens.
    calls_without_tokens : int
        Calls that succeeded and told no tokens: billed, and missing from the ledger.
    rows_without_call : int
        Rows with tokens whose call the gateway did not log: they have no tenant.
    streamed_calls : int
        Calls answered as a stream.
    cached_known_calls : int
        Calls with tokens that told how many were read from a cache.
    newest_at, ingested_at : datetime or None
        The newest slot seen, and when the newest row arrived; UTC-aware.
    fullest_dimension, dimension_values : str, int
        The metric dimension with the most distinct values, and their number; empty and 0 where
        usage does not come from metrics.
    """

    day: date
    api: str
    calls: int = 0
    calls_without_tokens: int = 0
    rows_without_call: int = 0
    streamed_calls: int = 0
    cached_known_calls: int = 0
    newest_at: datetime | None = None
    ingested_at: datetime | None = None
    fullest_dimension: str = ""
    dimension_values: int = 0


@dataclass(frozen=True, slots=True)
class UseByIds:
    """Usage of one UTC day by the ids that its rows carried.

    Attributes
    ----------
    ids : tuple of (str, str)
        As carrier and value: ``(("subscription", "bu-hr"), ...)``; empty values are left out. Of
        use that has a tenant the API alone.
    cached_tokens : int or None
        None is unknown.
    stated_micro_usd : int or None
        Its cost where the rows state it; None where it follows from the tokens.
    attributed : bool
        A rule gave it a tenant.
    """

    day: date
    ids: tuple[tuple[str, str], ...]
    model: str = ""
    deployment: str = ""
    scope: str = ""
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    stated_micro_usd: int | None = None
    attributed: bool = False

    @property
    def api(self) -> str:
        """The gateway's own id of the API; empty where no row named one."""
        return dict(self.ids).get(API, "")


@dataclass(frozen=True, slots=True)
class Telemetry:
    """How good the answer was that a source just gave; ``remarks`` are sentences for people."""

    apis: Sequence[ApiDay] = ()
    uses: Sequence[UseByIds] = ()
    remarks: Sequence[str] = ()

    @property
    def unattributed(self) -> tuple[UseByIds, ...]:
        """The use that has no tenant."""
        return tuple(use for use in self.uses if not use.attributed)


@dataclass(frozen=True, slots=True)
class LateDays:
    """UTC days whose rows arrived after a moment, and when the newest row of all arrived."""

    days: frozenset[date] = frozenset()
    ingested_at: datetime | None = None


@runtime_checkable
class WatchedSource(Protocol):
    """What a source also tells where it can see how complete and attributable its usage is."""

    def telemetry(self) -> Telemetry:
        """Tell how good the window just streamed was; asked at its end."""

    def late_days(self, since: datetime) -> LateDays:
        """Ask which days got rows since then; raises SourceError."""
