"""Turns a column of cells into values; a cell that is no value is marked, never replaced.

Each function takes an Arrow array of whatever type the file holds and gives the values, null
where the cell is blank or bad, and a mask of the bad ones.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation, localcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from detector.sources.arrow import pa, pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

MAX_COUNT = 10**15
MAX_COST_USD = 10**9
MAX_TEXT = 300
DAY_S = 86_400

COST = pa.decimal128(38, 24)
"""Dollars as a file writes them, so fine that a sum is rounded once, at its end."""
_COUNT = pa.decimal128(38, 6)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOMENT = pa.timestamp("s", "UTC")
_DAY = r"^\d{4}-\d{2}-\d{2}([T ]00:00(:00(\.0*)?)?)?$"
_ZONE = r"(Z|[+-]\d{2}(:?\d{2})?)$"


def as_text(cells: Any) -> tuple[Any, Mask]:
    """Give the trimmed text, "" where blank; bad is what is not UTF-8."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    try:
        text = cells.cast(pa.string())
        bad = np.zeros(len(cells), np.bool_)
    except pa.ArrowInvalid:
        decoded = [_decoded(cell) for cell in cells.to_pylist()]
        text = pa.array(decoded, pa.string())
        bad = np.array([cell is None for cell in decoded], np.bool_)
    return pc.utf8_trim_whitespace(pc.fill_null(text, "")), bad


def _decoded(cell: bytes | None) -> str | None:
    """Give the text of a cell, None where it is not UTF-8."""
    try:
        return (cell or b"").decode()
    except UnicodeDecodeError:
        return None


def too_long(text: Any) -> Mask:
    """Tell texts no name of a person, team or model would need."""
    return as_mask(pc.greater(pc.utf8_length(text), MAX_TEXT))


def parse_counts(cells: Any) -> tuple[Any, Mask]:
    """Read whole numbers from 0 to 10^15; a fraction of zeros (12.0) does no harm."""
    if pa.types.is_integer(cells.type):
        return _whole(cells.cast(pa.int64(), safe=False), as_mask(cells.is_valid()))
    if pa.types.is_floating(cells.type):
        return _whole(cells.cast(pa.float64()), as_mask(cells.is_valid()))
    text, bad = as_text(cells)
    digits = pc.and_(pc.ascii_is_decimal(text), pc.less(pc.utf8_length(text), 19))
    plain = pc.all(digits, min_count=0).as_py()
    numbers = text.cast(pa.int64()) if plain else cast_or_null(text, _COUNT)
    values, wrong = _whole(numbers, as_mask(pc.not_equal(text, "")))
    return values, wrong | bad


def _whole(numbers: Any, present: Mask) -> tuple[Any, Mask]:
    """Give whole numbers in the range as integers; what else is present is bad."""
    within = pc.and_(pc.greater_equal(numbers, 0), pc.less_equal(numbers, MAX_COUNT))
    if not pa.types.is_integer(numbers.type):
        within = pc.and_(within, pc.equal(numbers, pc.floor(numbers)))
    good = as_mask(within)
    return pc.if_else(pa.array(good), numbers, None).cast(pa.int64()), present & ~good


def parse_costs(cells: Any) -> tuple[Any, Mask]:
    """Read dollars up to a thousand million either way; a refund is negative."""
    if pa.types.is_floating(cells.type):
        numbers, present = cells.cast(pa.float64()), as_mask(cells.is_valid())
        bad = np.zeros(len(cells), np.bool_)
    else:
        text, bad = as_text(cells)
        numbers, present = _cost_numbers(text), as_mask(pc.not_equal(text, ""))
    within = as_mask(pc.less_equal(pc.abs(numbers), pa.scalar(MAX_COST_USD, numbers.type)))
    values = pc.if_else(pa.array(within), numbers, None).cast(COST)
    return values, bad | (present & ~within)


def _cost_numbers(text: Any) -> Any:
    """Read dollars exactly as they are written; null where blank or no number."""
    numbers = cast_or_null(text, COST)
    # More than 24 decimals are too fine for Arrow's cast, and still a number.
    unread = pc.and_(numbers.is_null(), pc.not_equal(text, ""))
    again = [_fine_cost(cell) for cell in text.filter(unread).to_pylist()]
    return pc.replace_with_mask(numbers, unread, pa.array(again, COST))


def _fine_cost(cell: str) -> Decimal | None:
    """Read one number of any length to 24 decimals, None where it is none or far too large."""
    if not _NUMBER.fullmatch(cell):
        return None
    try:
        with localcontext(prec=60):
            number = Decimal(cell).quantize(Decimal("1e-24"))
    except InvalidOperation:
        return None
    return number if abs(number) <= 2 * MAX_COST_USD else None


def parse_days(cells: Any) -> tuple[Any, Mask]:
    """Read calendar days (a time of day must be midnight) as seconds since 1970."""
    if pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        seconds = cells.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        whole = as_mask(pc.equal(pc.multiply(pc.divide(seconds, DAY_S), DAY_S), seconds))
        return seconds, ~whole
    text, _ = as_text(cells)
    distinct = text.dictionary_encode()  # a file has few days and many rows
    fits = pc.match_substring_regex(distinct.dictionary, _DAY)
    days = pc.if_else(fits, pc.utf8_slice_codeunits(distinct.dictionary, 0, 10), None)
    days = cast_or_null(days, pa.date32()).cast(pa.int32()).cast(pa.int64())
    seconds = pc.multiply(days, DAY_S).take(distinct.indices)
    return seconds, as_mask(seconds.is_null())


def parse_moments(cells: Any) -> tuple[Any, Mask]:
    """Read moments as seconds since 1970; one without an offset is UTC."""
    if pa.types.is_timestamp(cells.type):
        seconds = cells.cast(pa.timestamp("s", cells.type.tz), safe=False).cast(pa.int64())
        return seconds, as_mask(seconds.is_null())
    text, _ = as_text(cells)
    text = pc.replace_substring_regex(text, r"(:\d{2})\.\d+", r"\1")
    zoned = pc.match_substring_regex(pc.utf8_slice_codeunits(text, 11, 50), _ZONE)
    text = pc.if_else(zoned, text, pc.binary_join_element_wise(text, "Z", ""))
    seconds = cast_or_null(text, _MOMENT).cast(pa.int64())
    return seconds, as_mask(seconds.is_null())


def cast_or_null(text: Any, kind: Any) -> Any:
    """Cast text to ``kind``; null where a cell cannot be cast, found by halving."""
    try:
        return text.cast(kind)
    except pa.ArrowInvalid:
        if len(text) == 1:
            return pa.nulls(1, kind)
    half = len(text) // 2
    return pa.concat_arrays([cast_or_null(text[:half], kind), cast_or_null(text[half:], kind)])


def as_mask(condition: Any) -> Mask:
    """Give an Arrow condition as numpy flags; unknown is False."""
    flags: Mask = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return flags
