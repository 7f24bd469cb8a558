"""How the service stands: for a monitor in one line, for people in a few."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from spendwatch.app import build_app_as_is
from spendwatch.db import DatabaseError, DatabaseVersionError, writing
from spendwatch.settings import load_settings
from spendwatch.standing import standing
from tests.fakes import RecordingChannel
from tests.service.serving import HOUR, serving
from tests.service.test_catching_up import morning_after, spend
from tests.spendwatch.installations import Installation

MINUTE = timedelta(minutes=1)


@pytest.fixture
def steady(tmp_path):
    place = Installation(tmp_path)
    place.write_days(35, 100)
    place.now = morning_after(34)
    return place


def words(place):
    app = build_app_as_is(load_settings(place.config, {}), lambda: place.now)
    try:
        return standing(app).words
    finally:
        app.engine.dispose()


def test_a_service_that_has_judged_is_healthy(steady):
    with serving(steady) as service:
        service.tick()
        assert words(steady) == "healthy: Mon 5 Oct judged, 0 in the outbox"


def test_a_service_that_was_not_heard_of_is_not(steady):
    with serving(steady) as service:
        service.tick()
        steady.now += 2 * MINUTE
        said = words(steady)
    assert said.startswith("not healthy: `spendwatch run` (pid ")
    assert said.endswith("was last heard of 6 Oct 06:00 UTC")


def test_a_heartbeat_from_the_future_is_a_clock_that_went_back(steady):
    with serving(steady) as service:
        service.tick()
        steady.now -= 2 * HOUR
        assert "the clock went back: the last heartbeat was 6 Oct 06:00 UTC" in words(steady)


def test_a_day_that_is_not_judged_for_six_hours_is_a_fault(steady):
    with serving(steady) as service:
        service.tick("heartbeat", "pull gateway")
        assert words(steady).startswith("healthy: no day judged")
        steady.now += 6 * HOUR + MINUTE
        service.tick("heartbeat")
        assert "Mon 5 Oct is not judged, settled 6 Oct 02:00 UTC" in words(steady)


def test_a_message_nobody_tried_is_a_fault_and_one_given_up_is_said(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 400)
        service.wait(24 * HOUR, tick=False)
        service.service.channels = {"desk": RecordingChannel(lambda: steady.now)}
        service.tick("heartbeat", "pull gateway", "judge")
        assert words(steady).startswith("healthy: Tue 6 Oct judged, 1 in the outbox")
        service.wait(11 * MINUTE, tick=False)
        service.tick("heartbeat")
        assert "a message waits since 7 Oct 06:00 UTC" in words(steady)
        service.service.channels = {}
        service.tick("deliver")
        assert words(steady).endswith("1 in the outbox, 1 message given up")


def test_before_anything_has_run_there_is_nothing_to_look_at(steady, capsys):
    app = steady.app()
    app.engine.dispose()
    (steady.folder / "spendwatch.db").unlink()
    assert steady.run("status") == 1
    assert "nothing has run yet" in capsys.readouterr().err
    with pytest.raises(DatabaseError):
        words(steady)
    assert not (steady.folder / "spendwatch.db").exists(), "whoever looks makes nothing"


def test_looking_changes_no_schema(steady):
    app = steady.app()
    with writing(app.engine) as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0003'")
    with pytest.raises(DatabaseVersionError, match="schema is 0003, and this spendwatch needs"):
        words(steady)
    app.engine.dispose()


def test_without_a_service_status_says_what_was_done_and_what_is_next(steady, capsys):
    steady.judge(morning_after(34).date() - timedelta(days=1))
    assert steady.run("status") == 0
    shown = capsys.readouterr().out
    assert "not healthy: `spendwatch run` does not run" in shown
    assert re.search(r"pull +gateway: \d+ rows", shown)
    assert "judged     Mon 5 Oct" in shown
    assert "lock       nobody ever had it" in shown
    facts = steady.json(capsys, "status")
    assert (facts["serving"], facts["judged_day"]) == (False, "2026-10-05")
    assert steady.run("health", "--json") == 1
    assert json.loads(capsys.readouterr().out)["healthy"] is False


def test_status_names_who_has_the_lock_and_how_sources_failed(steady, capsys):
    # The command has the real clock: the service it looks at must have it too.
    steady.now = datetime.now(UTC)  # noqa: TID251 - as above
    steady.usage.rename(steady.folder / "away")
    with serving(steady) as service:
        service.tick()
        capsys.readouterr()
        assert steady.run("status") == 0
    shown = capsys.readouterr().out
    assert "holds the lock since" in shown
    assert "pull       gateway: failed" in shown
