"""The kinds of value a setting can have; each says in one sentence what it accepts.

Every validator raises ValueError with the whole sentence ("must be a whole number from 7 to 180,
not 3"), so that wrong type and wrong range read alike.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator

from detector.model import MICRO, UNATTRIBUTED, FindingKind, Severity, normalise_tenant
from detector.price_table import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import StrEnum

_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_RATE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_SQLITE = re.compile(r"sqlite:///(?!:memory:)[^?\x00-\x1f]+")
_POSTGRESQL = re.compile(r"postgres(?:ql)?(?:\+psycopg)?://([^/\s]*/[^/?\s]+(?:\?\S+)?)")
_YEARS = range(2000, 2200)
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_HERE = ("127.0.0.1", "localhost", "::1")
MAX_TEXT = 200
_SHOWN = 60
_HUGE = 10**18

_Member = TypeVar("_Member", bound="StrEnum")


def shown(value: Any) -> str:
    """Write a value as it may be repeated in a message: short, on one line, inert."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."
    if isinstance(value, int) and abs(value) >= _HUGE:
        return "a number of more than 18 digits"
    return str(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known word is probably meant, as the end of a sentence; empty if none is near."""
    spellings = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), spellings, n=1, cutoff=0.6)
    return f"; did you mean {spellings[close[0]]}?" if close else ""


def micro_usd(amount: Decimal) -> int:
    """Turn an amount with at most six decimal places into whole micro-dollars, exactly."""
    return int(amount * MICRO)


def whole(low: int, high: int) -> BeforeValidator:
    """Accept a whole number from ``low`` to ``high``."""

    def check(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise ValueError(f"must be a whole number from {low} to {high}, not {shown(value)}")

    return BeforeValidator(check)


def whole_or(word: str, low: int, high: int) -> BeforeValidator:
    """Accept a whole number, or the one word that stands for its absence."""
    words = f'must be a whole number from {low} to {high} or "{word}"'
    accept: Any = whole(low, high).func

    def check(value: Any) -> int | None:
        if value == word:
            return None
        try:
            return int(accept(value))
        except ValueError:
            raise ValueError(f"{words}, not {shown(value)}") from None

    return BeforeValidator(check)


def yes_or_no(value: Any) -> bool:
    """Accept true or false, also as the environment writes them."""
    if str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    raise ValueError(f"must be true or false, not {shown(value)}")


def number(low: float, high: float, *, above: bool = False) -> BeforeValidator:
    """Accept a number from (or, with ``above``, above) ``low`` up to ``high``; never NaN."""
    words = (
        f"a number above {low:g} and up to {high:g}"
        if above
        else f"a number from {low:g} to {high:g}"
    )

    def check(value: Any) -> float:
        parsed = _as_float(value)
        if parsed is not None and low <= parsed <= high and not (above and parsed == low):
            return parsed
        raise ValueError(f"must be {words}, not {shown(value)}")

    return BeforeValidator(check)


def _as_float(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


_IN_A_FILE = ('"12.50"', "in quotes if it has decimals (at most 6)")
_ON_A_LINE = ("12.50", "with at most 6 decimals")
"""How an amount with decimals is written: as an example, and as a rule."""


def money(
    value: Any,
    other: str = "",
    least: str = "0 or more",
    decimals: tuple[str, str] = _IN_A_FILE,
) -> Decimal:
    """Accept an amount as a whole number or as a decimal in quotes."""
    written = value
    if isinstance(value, int) and not isinstance(value, bool) and value < _HUGE:
        written = str(value)
    if isinstance(written, str) and _MONEY.fullmatch(written):
        return Decimal(written)
    raise ValueError(
        f"must be an amount such as 250 or {decimals[0]}{other}, not {shown(value)}: {least}, "
        f"{decimals[1]}, without sign, comma or currency"
    )


def ceiling(value: Any) -> Decimal:
    """Accept what a planned day may cost, as a settings file has it: an amount above 0."""
    return _above_0(money(value, least="above 0"))


def typed_ceiling(value: Any) -> Decimal:
    """Accept the same as a person types it on a command line."""
    return _above_0(money(value, least="above 0", decimals=_ON_A_LINE))


def _above_0(amount: Decimal) -> Decimal:
    if amount:
        return amount
    raise ValueError(
        "must be above 0: it is what a day may cost without an alert. Days that shall only stay "
        "out of the baseline need no plan: dismiss their alert with `spendwatch alerts dismiss "
        "NUMBER --verdict expected`"
    )


def money_or(word: str) -> BeforeValidator:
    """Accept an amount, or the one word that stands for its absence."""

    def check(value: Any) -> Decimal | None:
        return None if value == word else money(value, f' or "{word}"')

    return BeforeValidator(check)


def exchange_rate(value: Any) -> Decimal:
    """Accept a rate above 0 as a decimal in quotes."""
    if isinstance(value, str) and _RATE.fullmatch(value) and Decimal(value) > 0:
        return Decimal(value)
    raise ValueError(f'must be a rate above 0 in quotes, such as "1.08", not {shown(value)}')


def is_currency(value: Any) -> bool:
    """Whether a value has the form of an ISO 4217 code."""
    return isinstance(value, str) and _CURRENCY.fullmatch(value) is not None


def currency(value: Any) -> str:
    """Accept an ISO 4217 code."""
    if is_currency(value):
        return str(value)
    raise ValueError(f"must be a currency's three capital letters, such as USD, not {shown(value)}")


def time_zone(value: Any) -> str:
    """Accept the name of a time zone in the IANA database."""
    try:
        return ZoneInfo(value).key
    except (KeyError, TypeError, ValueError, OSError):
        guess = nearest(value, available_timezones()) if isinstance(value, str) else ""
        words = "must be an IANA time zone such as Europe/Berlin or UTC"
        raise ValueError(f"{words}, not {shown(value)}{guess}") from None


def text(value: Any) -> str:
    """Accept one line of text, perhaps empty."""
    if isinstance(value, str) and len(value) <= MAX_TEXT and not _has_controls(value):
        return value
    raise ValueError(
        f"must be text in quotes: one line of at most {MAX_TEXT} characters, not {shown(value)}"
    )


def _has_controls(value: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Cs") for char in value)


def name(value: Any) -> str:
    """Accept one line of text that is not empty."""
    if not text(value).strip():
        raise ValueError("must not be empty")
    return text(value)


def tenant_id(value: Any) -> str:
    """Accept a tenant's id or alias and give it as the ledger keeps it."""
    normalised = normalise_tenant(name(value))
    if normalised == UNATTRIBUTED and value.strip().casefold() != UNATTRIBUTED:
        raise ValueError(f"must have a visible character, not {shown(value)}")
    return normalised


def day(value: Any) -> date:
    """Accept a calendar day."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(f"must be a day such as 2026-06-01, not {shown(value)}") from None


def moment(value: Any) -> datetime:
    """Accept a moment, with an offset or in the service's time zone; a day is its midnight."""
    found = value
    if isinstance(value, date) and not isinstance(value, datetime):
        found = datetime.combine(value, time())
    if isinstance(value, str):
        with suppress(ValueError):
            found = datetime.fromisoformat(value.strip())
    if isinstance(found, datetime) and found.year in _YEARS:
        return found
    raise ValueError(
        f"must be a moment such as 2026-11-30T09:00:00, not {shown(value)}: in the service's time "
        "zone, or with an offset such as +01:00"
    )


def clock_time(value: Any) -> time:
    """Accept a time of day, 24 hours."""
    if isinstance(value, str) and _CLOCK.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError(f'must be a time of day such as "08:00", not {shown(value)}')


def clock_time_or_off(value: Any) -> time | None:
    """Accept a time of day; "off" is never."""
    try:
        return None if value == "off" else clock_time(value)
    except ValueError:
        raise ValueError(
            f'must be a time of day such as "03:00", or "off", not {shown(value)}'
        ) from None


def clock_span(value: Any) -> tuple[time, time] | None:
    """Accept hours of the day, also over midnight; "off" is none."""
    if value == "off":
        return None
    begin, _, end = value.partition("-") if isinstance(value, str) else ("", "", "")
    if _CLOCK.fullmatch(begin) and _CLOCK.fullmatch(end) and begin != end:
        return clock_time(begin), clock_time(end)
    raise ValueError(
        'must be two different times of day such as "22:00-07:00", or "off", not ' + shown(value)
    )


def as_utc(value: datetime, zone: str) -> datetime:
    """Place a moment: without an offset it is in ``zone``.

    A time that the clocks leave out comes as much later; of one they show twice, the first.
    """
    return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def finding_kind(value: Any) -> FindingKind:
    """Accept a kind of finding; a hyphen counts as a space."""
    return _member(FindingKind, value)


def severity(value: Any) -> Severity:
    """Accept a severity."""
    return _member(Severity, value)


def _member(kind: type[_Member], value: Any) -> _Member:
    """Accept one of a list of words."""
    words = [member.value for member in kind]
    if isinstance(value, str):
        plain = " ".join(re.sub(r"[-_]", " ", value).split()).casefold()
        if plain in words:
            return kind(plain)
    guess = nearest(value, words) if isinstance(value, str) else ""
    raise ValueError(f"must be one of {', '.join(words)}, not {shown(value)}{guess}")


def scope(value: Any) -> str:
    """Accept where and how a model is served, as the price table names it."""
    if isinstance(value, str) and value in SCOPES:
        return value
    guess = nearest(value, SCOPES) if isinstance(value, str) else ""
    raise ValueError(f"must be one of {', '.join(sorted(SCOPES))}, not {shown(value)}{guess}")


def scope_or_empty(value: Any) -> str:
    """Accept a scope, or nothing where it is not known."""
    return "" if value == "" else scope(value)


def folder_or_file(value: Any) -> Path:
    """Accept the path of a file or folder; whether it is there is seen when it is needed."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"must be the path of a file or folder in quotes, not {shown(value)}")
    return Path(value)


def database_url(value: Any) -> str:
    """Accept where a database is; never repeated, as it may carry a password."""
    words = value if isinstance(value, str) else ""
    if _SQLITE.fullmatch(words):
        return words
    if found := _POSTGRESQL.fullmatch(words):
        return f"postgresql+psycopg://{found[1]}"
    raise ValueError(
        "must be the address of a SQLite file, such as sqlite:///data/spendwatch.db (none in "
        "memory, nothing after a question mark), or of a PostgreSQL database, such as "
        "postgresql://spendwatch@db.example/spendwatch"
    )


def address(value: Any) -> str:
    """Accept where a service is, without a slash at its end: over TLS, or on this machine."""
    if isinstance(value, str) and _is_address(value):
        return value.rstrip("/")
    raise ValueError(
        "must be an address that begins with https:// (http:// only on this machine), "
        f"not {shown(value)}"
    )


def _is_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        whole_url = parts.hostname and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False
    if not whole_url or "?" in value or "#" in value or re.search(r"\s", value):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)


Money = Annotated[Decimal, BeforeValidator(money)]
Ceiling = Annotated[Decimal, BeforeValidator(ceiling)]
MoneyOrOff = Annotated[Decimal | None, money_or("off")]
MoneyOrNone = Annotated[Decimal | None, money_or("none")]
ExchangeRate = Annotated[Decimal, BeforeValidator(exchange_rate)]
Currency = Annotated[str, BeforeValidator(currency)]
TimeZone = Annotated[str, BeforeValidator(time_zone)]
Text = Annotated[str, BeforeValidator(text)]
Name = Annotated[str, BeforeValidator(name)]
TenantId = Annotated[str, BeforeValidator(tenant_id)]
Scope = Annotated[str, BeforeValidator(scope)]
ScopeOrEmpty = Annotated[str, BeforeValidator(scope_or_empty)]
Day = Annotated[date, BeforeValidator(day)]
ClockTime = Annotated[time, BeforeValidator(clock_time)]
ClockTimeOrOff = Annotated[time | None, BeforeValidator(clock_time_or_off)]
ClockSpan = Annotated[tuple[time, time] | None, BeforeValidator(clock_span)]
Moment = Annotated[datetime, BeforeValidator(moment)]
Kind = Annotated[FindingKind, BeforeValidator(finding_kind)]
Gravity = Annotated[Severity, BeforeValidator(severity)]
FilePath = Annotated[Path, BeforeValidator(folder_or_file)]
DatabaseUrl = Annotated[str, BeforeValidator(database_url)]
Percent = Annotated[int, whole(1, 1000)]
