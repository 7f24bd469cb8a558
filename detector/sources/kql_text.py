"""KQL as text: the queries we ship, what is bound in them, and literals that nothing leaves.

A parameter is a line ``let name = <example>;`` of the query, and what binds it takes the example's
place: no query is a template, each is valid KQL as it stands in its file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from detector.sources.log_query import Statement

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | bool | int | datetime | timedelta | Sequence[str]

WINDOW = ("window_start", "window_end")
"""The parameters that stay open until a statement is asked for a window."""

_TEXT = r'"(?:[^"\\\n]|\\.)*"'
_EXAMPLES = {
    "text": _TEXT,
    "whole number": r"-?\d+",
    "true or false": r"true|false",
    "moment": r"datetime\([^)\n]*\)",
    "span of time": r"timespan\([^)\n]*\)",
    "list of texts": rf'dynamic\(\[(?:[^\]"\n]|{_TEXT})*\]\)',
}
_PARAMETER = re.compile(
    rf"^let (?P<name>\w+) = (?P<example>{'|'.join(_EXAMPLES.values())});", re.MULTILINE
)
_TEXT_OR_COMMENT = re.compile(
    r"""```.*?```|~~~.*?~~~|@"(?:[^"]|"")*"|@'(?:[^']|'')*'
    |"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|//[^\n]*""",
    re.DOTALL | re.VERBOSE,
)
_BINDS_WINDOW = re.compile(r"\blet\s+(?:\[\s*['\"])?(window_start|window_end)(?:['\"]\s*\])?\s*=")
_OPEN_WINDOW = "let window_start = datetime(null);\nlet window_end = datetime(null);\n"
_SHORT = {'"': r"\"", "\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
_TOO_LARGE = 2**63


def shipped(name: str, **values: Value) -> Statement:
    """
    Take a query that we ship and bind its parameters, all but the window's.

    Parameters
    ----------
    name : str
        The file's name in ``detector/sources/kql``, with its ``.kql``.
    **values
        A value for each parameter of the query, of the type its example has.

    Returns
    -------
    Statement
        To be asked for a window (`between`).

    Raises
    ------
    ValueError
        If there is no such query, a parameter is missing or not the query's, or a value's type
        is not its example's.

    Examples
    --------
    >>> shipped("late_llm.kql", since=datetime(2026, 11, 2, tzinfo=UTC)).name
    'late_llm.kql'
    """
    text = _read(name)
    examples = {found["name"]: found["example"] for found in _PARAMETER.finditer(text)}
    open_names = [each for each in examples if each not in WINDOW]
    bound = {each: literal(value) for each, value in values.items()}
    problems = [
        *(f"there is no parameter {each}" for each in bound if each not in open_names),
        *(f"the parameter {each} is not bound" for each in open_names if each not in bound),
        *(
            f"the parameter {each} is a {_kind(examples[each])}, not a {_kind(bound[each])}"
            for each in open_names
            if each in bound and _kind(examples[each]) != _kind(bound[each])
        ),
    ]
    if problems:
        raise ValueError(f"{name}: {'; '.join(problems)}")
    return Statement(name, _bind(text, bound))


def own(name: str, text: str) -> Statement:
    """
    Make a statement of a user's KQL, which may use ``window_start`` and ``window_end``.

    Parameters
    ----------
    name : str
        The file it was read from, as a message names it.
    text : str
        The query; its tabular result is what is answered.

    Raises
    ------
    ValueError
        If the text is empty, or binds ``window_start`` or ``window_end`` itself.

    Examples
    --------
    >>> print(own("usage.kql", "T | where At >= window_start and At < window_end").text)
    let window_start = datetime(null);
    let window_end = datetime(null);
    T | where At >= window_start and At < window_end
    """
    query = text.removeprefix("\ufeff")
    bare = _TEXT_OR_COMMENT.sub(_name_or_nothing, query)
    if not bare.strip():
        raise ValueError(f"{name}: there is no query in it")
    binds = _BINDS_WINDOW.search(bare)
    if binds:
        raise ValueError(
            f"{name}: it binds {binds[1]} itself; remove its `let {binds[1]} = ...;`, "
            "spendwatch puts one before the query for each window it asks for"
        )
    return Statement(name, _OPEN_WINDOW + query)


def between(statement: Statement, begin: datetime, end: datetime) -> str:
    """
    Bind a statement's window.

    Parameters
    ----------
    statement : Statement
        Of `shipped` or `own`.
    begin, end : datetime
        UTC-aware, half-open: rows from ``begin`` to before ``end``.

    Returns
    -------
    str
        KQL that can be sent.

    Raises
    ------
    ValueError
        If the window is empty or not UTC-aware, or the statement has no window to bind.

    Examples
    --------
    >>> begin = datetime(2026, 11, 1, tzinfo=UTC)
    >>> print(between(own("q", "T"), begin, begin + timedelta(days=1)))
    let window_start = datetime(2026-11-01T00:00:00.000000Z);
    let window_end = datetime(2026-11-02T00:00:00.000000Z);
    T
    """
    bound = dict(zip(WINDOW, (literal(begin), literal(end)), strict=True))
    if begin >= end:
        raise ValueError(f"{statement.name}: the window from {begin} to {end} is empty")
    names = {found["name"] for found in _PARAMETER.finditer(statement.text)}
    if not names.issuperset(WINDOW):
        raise ValueError(f"{statement.name}: it has no {' and no '.join(WINDOW)} to bind")
    return _bind(statement.text, bound)


def literal(value: Value) -> str:
    r"""
    Write a value as a KQL literal, on one line and in characters that can be seen.

    A text is quoted, and quotes, backslashes and all that cannot be printed are escaped: whatever
    it holds, it ends where its literal ends.

    Parameters
    ----------
    value : str, bool, int, datetime, timedelta or sequence of str
        Times must be aware; they are written in UTC, to the microsecond.

    Raises
    ------
    ValueError
        If a time is naive, a number needs more than 64 bits, or a text holds half a character
        (a lone surrogate).

    Examples
    --------
    >>> print(literal("a'b\"\n\0"), literal(["x", "y"]), literal(timedelta(hours=-36)))
    "a'b\"\n\u0000" dynamic(["x","y"]) timespan(-1.12:00:00.000000)
    """
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _whole_number(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, timedelta):
        return _span(value)
    return f"dynamic([{','.join(_quoted(each) for each in value)}])"


def _read(name: str) -> str:
    """Read a shipped query; ValueError names those there are."""
    folder = files("detector") / "sources" / "kql"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".kql"))
    if name not in names:
        raise ValueError(f"there is no query {name!r}; there are {', '.join(names)}")
    return (folder / name).read_text(encoding="utf-8")


def _name_or_nothing(found: re.Match[str]) -> str:
    """Drop a comment or a text, but for a quoted name of the window (``let ["window_start"]``)."""
    return found[0] if found[0].strip("@'\"") in WINDOW else " "


def _bind(text: str, bound: Mapping[str, str]) -> str:
    """Put each literal where its parameter's example stands; the rest stays as it is."""
    return _PARAMETER.sub(
        lambda found: f"let {found['name']} = {bound.get(found['name'], found['example'])};", text
    )


def _kind(example: str) -> str:
    """Name the kind of value that a literal is."""
    return next(kind for kind, form in _EXAMPLES.items() if re.fullmatch(form, example))


def _quoted(text: str) -> str:
    """Quote a text; what no eye would see in it is escaped."""
    return '"' + "".join(_escaped(each) for each in text) + '"'


def _escaped(character: str) -> str:
    """Write a character as it is, by its short escape, or as its UTF-16 code units."""
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    try:
        units = character.encode("utf-16-be").hex()
    except UnicodeEncodeError as error:
        raise ValueError(f"a text with half a character, {character!r}, is no text") from error
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _whole_number(value: int) -> str:
    """Write a number; ValueError where KQL's long could not hold it."""
    if not -_TOO_LARGE < value < _TOO_LARGE:
        raise ValueError(f"{value} needs more than 64 bits")
    return str(value)


def _moment(value: datetime) -> str:
    """Write a moment in UTC; ValueError where it names no zone."""
    if value.utcoffset() is None:
        raise ValueError(f"{value} has no time zone; give it one")
    moment = value.astimezone(UTC).replace(tzinfo=None)
    return f"datetime({moment.isoformat(timespec='microseconds')}Z)"


def _span(value: timedelta) -> str:
    """Write a span as days, hours, minutes, seconds."""
    span = abs(value)
    hours, seconds = divmod(span.seconds, 3600)
    clock = f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}.{span.microseconds:06}"
    return f"timespan({'-' if value < timedelta(0) else ''}{span.days}.{clock})"
