"""The chart below an alert, drawn from a real ledger, uploaded by the real SDK."""

from __future__ import annotations

import io
import time
from datetime import timedelta

import pytest
from PIL import Image
from sqlmodel import select

from alerts.outbox_queries import NotificationState
from alerts.tables import NotificationRow
from detector.history import consecutive_days
from spendwatch.charts import chart_of
from spendwatch.db import reading
from spendwatch.jobs import attach_charts
from tests.builders import DAY, a_notification, full_spike, november, spike
from tests.detector.ledgers import cost, record
from tests.spendwatch.slack_office import Office

FIRST = DAY - timedelta(days=29)


@pytest.fixture
def office(tmp_path, slack):
    office = Office(tmp_path, slack)
    for step, day in enumerate(consecutive_days(FIRST, DAY)):
        record(office.app.engine, [cost((300 + step) * 1_000_000, day=day)], day=day)
    yield office
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


def charts(office):
    with reading(office.app.engine) as session:
        rows = session.exec(select(NotificationRow).where(NotificationRow.reason == "chart"))
        return [(row.state, row.error) for row in rows]


def attach(office):
    return attach_charts(office.app, office.channels)


def test_a_chart_goes_below_the_message_once_the_text_is_there(office):
    office.tell(full_spike())
    (root,) = office.slack.posted()
    assert office.slack.files() == []
    assert attach(office) == 1
    (file,) = office.slack.files()
    (below,) = office.slack.replies(office.slack.channel, root.ts)
    assert below.files
    assert (file.title, file.ready) == ("Spend a day, 30 days to Thu 12 Nov", True)
    assert attach(office) == 0
    assert charts(office) == [(NotificationState.SENT, "")]


def test_worse_and_over_bring_no_second_chart(office):
    office.tell(spike(actual=400))
    office.tell(spike(november(13), actual=900), day=november(13))
    assert len(charts(office)) == 1


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("files.getUploadURLExternal", "error"),
        ("upload", "status"),
        ("upload", "drop"),
        ("files.completeUploadExternal", "drop"),
    ],
)
def test_fault_69_a_chart_that_fails_costs_no_message_and_is_never_there_twice(
    office, method, kind
):
    office.tell(full_spike())
    office.slack.fault(kind, method)
    assert attach(office) == 0
    assert attach(office) == 0
    ((state, error),) = charts(office)
    assert state == NotificationState.DROPPED
    assert error
    assert len([each for each in office.slack.posted() if not each.thread_ts]) == 1
    assert office.deliver().undelivered == ()


def test_a_chart_that_may_not_be_sent_so_soon_is_sent_later(office):
    office.tell(full_spike())
    office.slack.fault("ratelimited", "files.getUploadURLExternal", retry_after="1")
    assert attach(office) == 0
    assert charts(office)[0][0] == NotificationState.RETRY
    office.wait(seconds=20)
    time.sleep(1.1)  # Slack's wait is counted on a clock that nobody can set
    assert attach(office) == 1


def test_without_a_ledger_there_is_no_chart(tmp_path, slack):
    office = Office(tmp_path, slack)
    office.tell()
    assert attach(office) == 0
    assert charts(office) == [(NotificationState.DROPPED, "there is nothing to be seen")]
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


def test_the_chart_is_a_picture_of_its_size_and_says_in_words_what_it_shows(office):
    office.tell(full_spike())
    told = a_notification(about=(1,))
    picture = chart_of(office.app, told)
    assert Image.open(io.BytesIO(picture.png)).size == (1_200, 480)
    assert "$329" in picture.words
