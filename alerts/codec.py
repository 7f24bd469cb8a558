"""Frozen dataclasses to plain JSON values and back, nothing lost, driven by their types."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args, get_origin, get_type_hints

from alerts.model import AlertState, Reason, Verb
from detector.model import Finding, FindingKind, Severity

if TYPE_CHECKING:
    from collections.abc import Hashable

T = TypeVar("T")

# What the modules of the vocabulary import for the type checker alone.
_NAMES = {
    "Mapping": Mapping,
    "Finding": Finding,
    "FindingKind": FindingKind,
    "Severity": Severity,
    "AlertState": AlertState,
    "Reason": Reason,
    "Verb": Verb,
    "datetime": datetime,
}
_FLOAT = "float"
_AS_IT_IS = frozenset({str, int, bool, NoneType})


def encode(value: Any) -> Any:
    """Return ``value`` as dicts, lists, strings, numbers and None.

    Parameters
    ----------
    value : dataclass, enum, date, datetime, tuple, frozenset, mapping of str, or a plain value
        Infinite and undefined floats become ``{"float": "inf"}``.

    Returns
    -------
    dict, list, str, int, float, bool or None
    """
    return value if type(value) in _AS_IT_IS else _encoder(cast("Hashable", type(value)))(value)


def decode(kind: type[T], data: Any) -> T:
    """Return what :func:`encode` was given.

    Parameters
    ----------
    kind : type
        The dataclass to build.
    data : dict
        Fields it does not know are ignored; those it lacks take their defaults, so that rows
        written before a field was added can still be read.

    Raises
    ------
    KeyError
        A field without a default is missing.
    """
    built: T = _decoder(cast("Hashable", kind))(data)
    return built


@cache
def _encoder(kind: Any) -> Callable[[Any], Any]:
    """Build the function that writes values of one class."""
    if is_dataclass(kind):
        names = tuple(each.name for each in fields(kind))
        return lambda value: {
            name: each if type(each := getattr(value, name)) in _AS_IT_IS else encode(each)
            for name in names
        }
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, Mapping):
        return lambda value: {key: encode(each) for key, each in value.items()}
    if issubclass(kind, tuple | frozenset):
        return lambda value: [encode(each) for each in value]
    if issubclass(kind, date):
        return lambda value: value.isoformat()
    return _encode_float


def _encode_float(value: float) -> Any:
    return value if math.isfinite(value) else {_FLOAT: str(value)}


@cache
def _decoder(kind: Any) -> Callable[[Any], Any]:
    """Build the function that reads one type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _dataclass_decoder(kind)
    if origin is UnionType:
        return _union_decoder(arguments)
    if origin in (tuple, frozenset):
        read = _decoder(arguments[0])
        return lambda data: origin(read(each) for each in data)
    if origin is Mapping:
        read = _decoder(arguments[1])
        return lambda data: {key: read(each) for key, each in data.items()}
    return _plain_decoder(kind)


def _dataclass_decoder(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind, localns=_NAMES)
    readers = {each.name: _decoder(hints[each.name]) for each in fields(kind)}
    needed = {
        each.name
        for each in fields(kind)
        if each.default is MISSING and each.default_factory is MISSING
    }
    return lambda data: kind(
        **{
            name: read(data[name])
            for name, read in readers.items()
            if name in data or name in needed
        }
    )


def _union_decoder(kinds: tuple[Any, ...]) -> Callable[[Any], Any]:
    """Read None, a special float, or the one member that is not plain JSON."""
    members = [kind for kind in kinds if kind is not NoneType]
    if len(members) > 1:
        return _plain_decoder(float) if float in members else lambda data: data
    read = _decoder(members[0])
    return lambda data: None if data is None else read(data)


def _plain_decoder(kind: Any) -> Callable[[Any], Any]:
    if kind is float:
        return lambda data: float(data[_FLOAT]) if isinstance(data, dict) else data
    if issubclass(kind, datetime | date):
        return lambda data: kind.fromisoformat(data)
    if issubclass(kind, Enum):
        return lambda data: kind(data)
    return lambda data: data
