"""`spendwatch precision`: how often alerts were right, and what would have spared noise."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from alerts.model import Verdict
from alerts.numbers import count, length, money
from alerts.outcomes import read_outcomes
from alerts.precision import TOO_WIDE, tally, tally_by
from alerts.suggestions import LEAST_NOISE, InForce, suggest, suggestion_words
from detector.model import MICRO, UNATTRIBUTED, normalise_tenant
from detector.pulls import judged_by
from spendwatch.commands.looking_up import require_known_tenant
from spendwatch.commands.opening import open_app, parse_groups
from spendwatch.db import reading
from spendwatch.output import print_json, print_line, print_table
from spendwatch.setting_places import place_for_everyone, place_for_tenant
from spendwatch.situation import display_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from alerts.precision import Outcome, Tally
    from alerts.suggestions import Suggestion
    from detector.rules import Rules
    from spendwatch.app import App
    from spendwatch.setting_places import Place

GROUPS = ("tenant", "kind", "method")
DEFAULT_DAYS = 90
HEADINGS = (
    "told", "answered", "real", "expected", "new\nnormal", "noise", "data\nerror", "un-\nanswered",
    "precision", "answered\nin", "caught",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Report:
    """What is told; ``file`` is the name of the settings file."""

    since: date
    groups: tuple[str, ...]
    rows: Mapping[tuple[str, ...], Tally]
    total: Tally
    suggestions: tuple[tuple[Suggestion, Place], ...]
    names: Mapping[str, str]
    file: str


def precision(config: Path, *, since: date | None, by: str, tenant: str, as_json: bool) -> None:
    """Count what alerts came to, and suggest what their answers speak for; changes nothing."""
    app = open_app(config)
    groups = parse_groups(by, GROUPS)
    since = since or app.last_settled_day() - timedelta(days=DEFAULT_DAYS)
    wanted = app.directory.canonical(normalise_tenant(tenant)) if tenant else None
    with reading(app.engine) as session:
        names = display_names(app, session)
        known = read_outcomes(session, since, judged_by(session), app.directory.canonical)
    require_known_tenant(app, wanted, names)
    outcomes = [each for each in known if wanted in (None, each.tenant)]
    text = config.read_text(encoding="utf-8")
    report = _Report(
        since,
        groups,
        tally_by(outcomes, lambda each: tuple(_group(each)[group] for group in groups)),
        tally(outcomes),
        tuple(
            (each, _place(app, text, each, names))
            for each in suggest(outcomes, _in_force(app, text))
        ),
        names,
        config.name,
    )
    if as_json:
        print_json(_facts(report))
        return
    _print_table(report)
    print_line()
    _print_suggestions(report)


def _group(outcome: Outcome) -> dict[str, str]:
    kind = outcome.alert.kind.value
    return {"tenant": outcome.tenant, "kind": kind, "method": outcome.method}


def _in_force(app: App, text: str) -> InForce:
    """Take the settings that could spare noise; of a tenant those that stand in its own entry."""
    document = tomllib.loads(text)
    own: dict[str, Mapping[str, float]] = {}
    for entry in document.get("tenants", ()):
        tenant = app.directory.canonical(normalise_tenant(entry["id"]))
        values = _values(app.book.of(tenant))
        own[tenant] = {key: values[key] for key in values.keys() & entry.get("detection", {})}
    return InForce(app.book.method, _values(app.book.everyone), own)


def _values(rules: Rules) -> dict[str, float]:
    floor = rules.min_excess_micro_usd / MICRO
    return {"bar": rules.bar, "z": rules.z, "min_excess_usd": floor}


def _place(app: App, text: str, suggestion: Suggestion, names: Mapping[str, str]) -> Place:
    setting, tenant = suggestion.lever.setting, suggestion.tenant
    value = suggestion.lever.written(suggestion.value)
    if not tenant:
        return place_for_everyone(text, setting, value, os.environ)
    name = "" if tenant == UNATTRIBUTED else names.get(tenant, "")
    canonical = app.directory.canonical
    return place_for_tenant(text, tenant, setting, value, name=name, canonical=canonical)


def _print_table(report: _Report) -> None:
    cells = [[*_labels(report, group), *_cells(each)] for group, each in report.rows.items()]
    if len(cells) != 1:
        cells.append(["total", *[""] * (len(report.groups) - 1), *_cells(report.total)])
    title = f"alerts since {report.since}, as they were answered"
    print_table([*report.groups, *HEADINGS], cells, title, words=len(report.groups))
    for words in _remarks(report.total):
        print_line(words)


def _labels(report: _Report, group: Sequence[str]) -> Iterator[str]:
    for name, part in zip(report.groups, group, strict=True):
        yield (report.names.get(part, part) or "(all)") if name == "tenant" else part or "-"


def _cells(each: Tally) -> list[str]:
    verdicts = [str(each.verdicts.get(verdict, 0)) for verdict in Verdict]
    return [
        str(each.told),
        str(each.answered),
        *verdicts,
        str(each.told - each.answered),
        _share(each),
        length(each.answered_in) if each.answered_in is not None else "-",
        money(each.caught_micro_usd),
    ]


def _share(each: Tally) -> str:
    if each.precision is None or each.interval is None:
        return "-"
    low, high = each.interval
    return f"{each.precision:.2f} ({low:.2f}-{high:.2f})"


def _remarks(total: Tally) -> Iterator[str]:
    """Say what the table does not: what counts neither way, and how little it may rest on."""
    if total.without_verdict:
        without = count(total.without_verdict, "alert")
        yield f"{without} acknowledged or snoozed without a verdict: counted neither way"
    if total.interval is None:
        yield "no answer calls an alert real or noise yet: there is no precision to speak of"
        return
    low, high = total.interval
    if high - low > TOO_WIDE:
        answers = count(total.counted, "answer")
        yield f"too little to go by, {answers}: the interval is {low:.2f} to {high:.2f}"


def _print_suggestions(report: _Report) -> None:
    if not report.suggestions:
        print_line(f"nothing to suggest: {_why_nothing(report.total)}")
        return
    print_line("suggestions; nothing changes by itself:")
    for suggestion, place in report.suggestions:
        print_line(f"- {suggestion_words(suggestion, report.names)}")
        print_line(f"  {place.words(report.file)}:")
        for line in place.lines:
            print_line(f"      {line}" if line else "")


def _why_nothing(total: Tally) -> str:
    if total.noise < LEAST_NOISE:
        return f"{count(total.noise, 'alert')} answered as noise, and it takes {LEAST_NOISE}"
    return (
        f"no setting would have spared {LEAST_NOISE} alerts of one tenant that were answered as "
        "noise and kept all that were real"
    )


def _facts(report: _Report) -> dict[str, Any]:
    return {
        "since": report.since,
        "rows": [
            dict(zip(report.groups, group, strict=True)) | _tally_facts(each)
            for group, each in report.rows.items()
        ],
        "total": _tally_facts(report.total),
        "remarks": list(_remarks(report.total)),
        "suggestions": [_suggestion_facts(report, *suggested) for suggested in report.suggestions],
    }


def _tally_facts(each: Tally) -> dict[str, Any]:
    return {
        "told": each.told,
        "answered": each.answered,
        **{verdict.value: each.verdicts.get(verdict, 0) for verdict in Verdict},
        "without_verdict": each.without_verdict,
        "unanswered": each.told - each.answered,
        "precision": each.precision,
        "interval": each.interval,
        "answered_in_s": each.answered_in.total_seconds() if each.answered_in else None,
        "caught_micro_usd": each.caught_micro_usd,
    }


def _suggestion_facts(report: _Report, suggestion: Suggestion, place: Place) -> dict[str, Any]:
    return {
        "tenant": suggestion.tenant,
        "setting": suggestion.lever.setting,
        "value": suggestion.value,
        "now": suggestion.now,
        "silenced": [f"A-{each.alert.number}" for each in suggestion.silenced],
        "noise": suggestion.noise,
        "real_kept": suggestion.kept,
        "words": suggestion_words(suggestion, report.names),
        "place": place.words(report.file),
        "line": place.line or None,
        "replaces": place.replaces,
        "lines": [line for line in place.lines if line],
    }
