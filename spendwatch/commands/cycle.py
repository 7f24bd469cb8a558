"""`spendwatch once`, `import` and `backfill`: usage in, alerts out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from alerts.codec import encode
from alerts.names import safe_name
from alerts.numbers import count, moment
from alerts.taken import held_back
from detector.history import consecutive_days
from detector.sources.base import SourceError, Window
from detector.sources.csv_file import CsvFileSource
from spendwatch.backfilling import days_to_backfill, days_to_judge, judge_history, pull_history
from spendwatch.channels import build_channels
from spendwatch.commands.looking_up import message_words
from spendwatch.commands.opening import open_app, parse_pairs
from spendwatch.coverage_words import merged_remarks
from spendwatch.exits import FAILED, UsageProblem
from spendwatch.ingest import pull
from spendwatch.jobs import run_cycle
from spendwatch.leading import leading
from spendwatch.logs import logger
from spendwatch.output import print_json, print_line, progress
from spendwatch.pull_report import PullReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from alerts.settling import Entry
    from detector.sources.base import UsageSource
    from spendwatch.app import App
    from spendwatch.jobs import Cycle
    from spendwatch.judging import Judged

MOST_NAMED = 10
MOST_REMARKS, REMARK_LIMIT = 5, 600
"""Messages that did not go out and are named one by one; the outbox lists all."""


def once(config: Path, day: date | None, *, as_json: bool) -> None:
    """Run one full cycle; leaves with 1 where a source failed, once everything else is done."""
    app = open_app(config)
    _refuse_unsettled(app, day, "--day")
    channels = build_channels(app, sys.stderr if as_json else sys.stdout)
    with leading(app.engine, "once", app.clock), progress("cycle") as step:
        cycle = run_cycle(app, channels, day, on_step=step)
    summary = cycle_summary(cycle)
    logger().info("cycle_completed", **summary)
    if as_json:
        print_json(summary)
    else:
        _print_cycle(cycle)
    if cycle.failures or cycle.delivered.undelivered:
        raise SystemExit(FAILED)


def _refuse_unsettled(app: App, day: date | None, option: str) -> None:
    """Refuse a day that is not over, and settled, everywhere: it would be judged half."""
    last = app.last_settled_day()
    if day is not None and day > last:
        raise UsageProblem(
            f"{option} {day}: the newest day that is over in every tenant's time zone, and settled "
            f"for {app.settings.service.settle_hours} hours, is {last}"
        )


def cycle_summary(cycle: Cycle) -> dict[str, Any]:
    """Sum a cycle up in numbers; a digest counts as one thing that was told."""
    told = [max(1, len(cycle.told_by.get(key, ()))) for key in cycle.delivered.keys]
    return {
        "day": cycle.day.isoformat(),
        "rows": sum(report.rows for report in cycle.pulls),
        "rejected": sum(report.rejected for report in cycle.pulls),
        "revised": sum(report.revised + report.zeroed for report in cycle.pulls),
        "judged_days": [judged.judgement.day.isoformat() for judged in cycle.judged],
        "findings": sum(len(judged.judgement.findings) for judged in cycle.judged),
        "early": sum(len(judged.judgement.findings) for judged in cycle.early),
        "told": sum(told),
        "told_with_others": sum(many for many in told if many > 1),
        "messages": cycle.delivered.sent,
        "undelivered": [encode(each) for each in cycle.delivered.undelivered],
        "failures": cycle.failures,
    }


def _print_cycle(cycle: Cycle) -> None:
    for failure in cycle.failures:
        sys.stderr.write(f"spendwatch: source {failure}\n")
    for words in _undelivered_words(cycle.delivered.undelivered):
        sys.stderr.write(f"spendwatch: {words}\n")
    summary = cycle_summary(cycle)
    if not cycle.judged:
        print_line(f"{cycle.day}: not judged, no source has told of use on that day or before")
        return
    held = held_back(cycle.runs)
    quiet = ", ".join(f"{changes} {reason}" for reason, changes in sorted(held.items()))
    print_line(
        f"{cycle.day} judged: {count(summary['findings'], 'finding')}, {_told_words(cycle)}"
        + (f" (held back: {quiet})" if quiet else "")
        + f"; {count(summary['rows'], 'row')} pulled"
        + (f", {summary['rejected']} rejected" if summary["rejected"] else "")
        + "".join(_so_far(judged) for judged in cycle.early)
    )


def _so_far(judged: Judged) -> str:
    """Say what was found of a day that still runs."""
    found = count(len(judged.judgement.findings), "finding")
    return f"; {judged.judgement.day} so far: {found}"


def _told_words(cycle: Cycle) -> str:
    """Say how much was told, and how much of it in how few messages."""
    summary = cycle_summary(cycle)
    together, messages = summary["told_with_others"], summary["messages"]
    if not together:
        return f"{summary['told']:,} told"
    groups = messages - (summary["told"] - together)
    within = "one message" if groups == 1 else count(groups, "message")
    return f"{summary['told']:,} told, {together:,} of them in {within}"


def _undelivered_words(undelivered: Sequence[Entry]) -> Iterator[str]:
    """Say what did not go out and what happens to it; of many, of the newest."""
    for each in undelivered[:MOST_NAMED]:
        what = f"{message_words(each)}: {safe_name(each.error, limit=300)}"
        if each.due_at is None:
            yield (
                f"given up: {what}; put it right, then `spendwatch outbox retry {each.number}`, "
                "or `spendwatch outbox drop` it"
            )
        else:
            yield f"not delivered: {what}; it stays queued, next try {moment(each.due_at)}"
    if undelivered:
        yield f"{count(len(undelivered), 'message')} not delivered: see `spendwatch outbox list`"


def import_file(
    config: Path, file: Path, name: str, columns: Sequence[str], *, reprice: bool, as_json: bool
) -> None:
    """Import a file or folder under a source name of its own."""
    app = open_app(config)
    if not name.strip():
        raise UsageProblem("--source must be a name: the rows of a source belong together by it")
    with (
        leading(app.engine, "import", app.clock),
        progress(f"importing {file.name}") as step,
    ):
        source = CsvFileSource(
            name=name,
            path=file,
            columns=parse_pairs(columns, "--column"),
            latest_day=app.clock().date(),
            on_progress=lambda rows, share: step(f"{rows:,} rows read ({share:.0%})"),
        )
        report = pull(
            app, source, Window(), reprice=reprice, on_day=lambda day, _rows: step(day.isoformat())
        )
    print_reports([report], as_json=as_json)


def backfill(
    config: Path,
    first: date,
    last: date | None,
    only: str,
    *,
    again: bool,
    reprice: bool,
    as_json: bool,
) -> None:
    """Pull past days of the configured sources, then judge those that never were."""
    app = open_app(config)
    _refuse_unsettled(app, last, "--to")
    last = last or app.last_settled_day()
    if last < first:
        raise UsageProblem(f"--from {first} is after --to {last}")
    window = Window(first, last)
    sources = _chosen(app, only)
    with leading(app.engine, "backfill", app.clock):
        asked = {
            source.name: consecutive_days(first, last)
            if again or reprice
            else days_to_backfill(app, source, window)
            for source in sources
        }
        reports, failures = _pull_history(app, sources, asked, reprice=reprice)
        judged = [] if failures else _judge_history(app, window)
    print_reports(reports, as_json=as_json)
    if not as_json:
        for words in _history_words(asked, len(consecutive_days(first, last)), judged):
            print_line(words)
    if failures:
        raise SourceError("; ".join(failures))


def _pull_history(
    app: App,
    sources: Sequence[UsageSource],
    asked: Mapping[str, Sequence[date]],
    *,
    reprice: bool,
) -> tuple[list[PullReport], list[str]]:
    """Pull the days that each source is asked for; one that fails holds up no other."""
    reports, failures = [], []
    with progress("backfilling", sum(map(len, asked.values()))) as step:
        for source in sources:
            if not asked[source.name]:
                continue
            try:
                reports.append(
                    pull_history(app, source, asked[source.name], reprice=reprice, on_step=step)
                )
            except SourceError as error:
                failures.append(f"{source.name}: {error}")
    return reports, failures


def _judge_history(app: App, window: Window) -> list[Judged]:
    days = days_to_judge(app, window)
    with progress("judging", len(days)) as step:
        return list(judge_history(app, days, step))


def _history_words(
    asked: Mapping[str, Sequence[date]], days: int, judged: Sequence[Judged]
) -> Iterator[str]:
    """Say what was known before, and what history came to."""
    for name, wanted in asked.items():
        if len(wanted) < days:
            known = count(days - len(wanted), "day")
            yield f"{name}: {known} not asked again, whole and final already (--again asks)"
    if judged:
        opened = sum(len(each.judgement.findings) for each in judged)
        what = f"{count(len(judged), 'day')} judged, {count(opened, 'finding')}"
        yield f"{what}; history stays silent, `spendwatch once` or `run` tells what is open today"


def _chosen(app: App, only: str) -> list[UsageSource]:
    sources = [source for source in app.usage_sources() if only in ("", source.name)]
    if not sources:
        known = ", ".join(app.source_names) or "none"
        raise UsageProblem(f"no source to pull from: asked for {only or 'all'}, configured {known}")
    return sources


def print_reports(reports: Sequence[PullReport], *, as_json: bool) -> None:
    """Say and log what pulls brought."""
    for report in reports:
        logger().info(
            "usage_recorded",
            source=report.source,
            rows=report.rows,
            rejected=report.rejected,
            revised=report.revised,
            zeroed=report.zeroed,
        )
    if as_json:
        print_json([_report(report) for report in reports])
        return
    for report in reports:
        print_line(_sentence(report))
        _print_remarks(report)


def _print_remarks(report: PullReport) -> None:
    """Print what the source said of its answers; a source that answers badly says it often."""
    remarks = merged_remarks(report.remarks)
    for remark in remarks[:MOST_REMARKS]:
        print_line(f"  remark: {safe_name(remark, REMARK_LIMIT)}")
    if len(remarks) > MOST_REMARKS:
        print_line(f"  and {count(len(remarks) - MOST_REMARKS, 'other')} like these")


def _report(report: PullReport) -> dict[str, Any]:
    return {
        "source": report.source,
        "days": len(report.days),
        "first_day": min(report.days, default=None),
        "last_day": max(report.days, default=None),
        "rows": report.rows,
        "rejected": report.rejected,
        "kept_with_a_remark": report.kept,
        "added": report.added,
        "revised": report.revised,
        "zeroed": report.zeroed,
        "unpriced_models": sorted(report.unpriced_models),
        "first_rejection": report.first_rejection,
        "remarks": list(report.remarks),
    }


def _sentence(report: PullReport) -> str:
    facts = _report(report)
    words = [
        f"{report.source}: {count(report.rows, 'row')}, {count(facts['days'], 'day')}"
        + (f" ({facts['first_day']} to {facts['last_day']})" if report.days else ""),
        f"{report.added:,} new, {report.revised:,} revised, {report.zeroed:,} gone",
    ]
    if report.zeroed:
        words.append(
            "what is gone was replaced: files of a day that add to each other need a --source each"
        )
    if report.rejected:
        words.append(f"{count(report.rejected, 'row')} rejected")
    if report.kept:
        words.append(f"{report.kept:,} kept with a remark")
    if report.first_rejection:
        words.append(f"first {report.first_rejection}")
    if report.unpriced_models:
        words.append("no price for " + ", ".join(sorted(report.unpriced_models)))
    return "; ".join(words)
