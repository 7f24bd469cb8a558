"""A database that holds something of everything: costs, alerts, answers, messages."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import insert

from alerts import outbox
from alerts.intake import take_in
from alerts.model import Teaching, Verb, Verdict
from alerts.replies import Answer, answer
from detector.sources.base import ApiDay, Telemetry, UseByIds
from detector.tables import JUDGED_DAY
from detector.telemetry import SourceMark, begin_watching, move_watermark, record_telemetry
from spendwatch.db import writing
from tests.builders import DAY, NOW, a_notification, a_telling, judgement, one_of_each
from tests.databases import open_migrated
from tests.detector.ledgers import LATER, cost, record

TELEMETRY = Telemetry(
    [ApiDay(DAY, "chat", 100, 7, 3, 50, 20, NOW, NOW, "Subscription ID", 91), ApiDay(DAY, "")],
    [UseByIds(DAY, (("subscription", "bu-数"),), "gpt-4o", requests=3, prompt_tokens=1_000)],
)
ALERTS, REPLIES, COSTS = 10, 2, 3


def open_filled(url):
    """Open the database at ``url`` with the tables of its migrations, and fill it."""
    engine = open_migrated(url)
    fill(engine)
    return engine


def fill(engine):
    """Write what a day of life leaves behind."""
    record(engine, [cost(), cost(2_500, "bolt"), cost(None, "corp", "数 Ünïcode")])
    record(engine, [cost(4_000), cost(2_500, "bolt"), cost(None, "corp", "数 Ünïcode")], now=LATER)
    dismissed = Answer(Verb.DISMISS, "alice", Verdict.EXPECTED, "a sale")
    with writing(engine) as session:
        take_in(session, judgement(*one_of_each()), a_telling())
        answer(session, 1, dismissed, NOW, Teaching())
        answer(session, 2, Answer(Verb.ACKNOWLEDGE, "bob"), NOW + timedelta(seconds=1), Teaching())
        outbox.add_notifications(session, [replace(a_notification("group"), alert_number=None)])
        judged = {"day": DAY, "judged_at": NOW, "method": "classic", "findings": ALERTS}
        session.connection().execute(insert(JUDGED_DAY), [judged])
        begin_watching(session, "gateway", NOW)
        record_telemetry(session, "gateway", TELEMETRY, whole={DAY})
        mark = SourceMark("gateway", NOW, NOW, (DAY - timedelta(days=9),), ("a remark, 数",))
        move_watermark(session, mark)


def break_a_page(file):
    """Make rubbish of the page of a table that little else looks into."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        named = "SELECT rootpage FROM sqlite_master WHERE name = 'rejected_row'"
        (page,) = database.execute(named).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"x" * size)
