"""The chart that goes below an alert: what its tenant spent in the days before it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from alerts import store
from alerts.notice import Picture
from alerts.numbers import full_day
from detector import ledger
from spendwatch.db import reading

if TYPE_CHECKING:
    from alerts.notice import Notification
    from alerts.render.chart import Chart
    from detector.model import Finding
    from spendwatch.app import App

DAYS = 30


def chart_of(app: App, notification: Notification) -> Picture | None:
    """Draw what a message is about; None where the ledger knows none of those days."""
    # Whoever sends no chart need not load what draws it.
    from alerts.render.chart import alt_text, draw_chart

    finding = _finding(app, notification)
    chart = _chart(app, finding) if finding else None
    return Picture(draw_chart(chart), chart.title, alt_text(chart)) if chart else None


def _finding(app: App, notification: Notification) -> Finding | None:
    with reading(app.engine) as session:
        alert = store.get_alert(session, notification.message.about[0])
    return alert.finding if alert else None


def _chart(app: App, finding: Finding) -> Chart | None:
    from alerts.render.chart import Chart

    first = finding.day - timedelta(days=DAYS - 1)
    with reading(app.engine) as session:
        spend = ledger.spend(
            session,
            (first, finding.day),
            canonical=app.directory.canonical,
            tenants={finding.tenant},
            sources=app.source_names,
        )
    key = (finding.tenant, "")
    if key not in spend.by_feature:
        return None
    known = spend.complete & ~spend.unknown[key]
    known[-1] |= finding.early  # what a day that runs has cost so far is what it is told for
    usual, so_far = finding.baseline, ", so far" if finding.early else ""
    return Chart(
        title=f"Spend a day, {DAYS} days to {full_day(finding.day)}{so_far}",
        days=spend.days,
        micro_usd=tuple(
            int(cost) if is_known else None
            for cost, is_known in zip(spend.by_feature[key], known, strict=True)
        ),
        marked=finding.day,
        low_micro_usd=usual.low_micro_usd if usual else None,
        high_micro_usd=usual.high_micro_usd if usual else None,
    )
