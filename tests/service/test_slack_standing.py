"""How Slack stands: noted by the service, told by other processes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from spendwatch.app import build_app_as_is
from spendwatch.db import reading
from spendwatch.leading import leading
from spendwatch.settings import load_settings
from spendwatch.slack.noting import SlackNotes
from spendwatch.slack_standing import SlackStanding, slack_standing_of
from spendwatch.standing import standing
from tests.slack.fixtures import slack, slack_process
from tests.spendwatch.slack_office import Office

__all__ = ["slack", "slack_process"]

MINUTE = timedelta(minutes=1)


class Ears:
    """What listens, as far as its notes are about."""

    hears = True


class Watching:
    """An office whose notes are made by hand, on clocks that are moved."""

    def __init__(self, office, leadership, ears=None):
        self.office, self.leadership, self.steady_s = office, leadership, 5_000.0
        self.ears = ears or Ears()
        self.account = office.account
        self.account._steady = lambda: self.steady_s
        self.notes = SlackNotes(
            office.app.engine,
            self.account,
            self.ears,
            office.app.clock,
            structlog.wrap_logger(None, processors=[office.log]),
            lambda: self.steady_s,
        )

    def wait(self, seconds):
        """Let time pass, with a heartbeat and a note every ten seconds."""
        for _ in range(int(seconds / 10)):
            self.office.wait(seconds=10)
            self.steady_s += 10
            self.beat()

    def beat(self):
        self.leadership.beat(self.office.app.clock())
        self.notes.note()

    def noted(self):
        with reading(self.office.app.engine) as session:
            return slack_standing_of(session)

    def faults(self):
        """What another process says, that opens the database by itself."""
        place = self.office.place
        app = build_app_as_is(load_settings(place.config, {}), lambda: place.now)
        try:
            return [each for each in standing(app).faults() if "Slack" in each]
        finally:
            app.engine.dispose()

    def events(self):
        return [each for each in self.office.events() if each.startswith("slack_")]


@contextmanager
def noting(folder, slack):
    office = Office(folder, slack)
    with leading(office.app.engine, "run", office.app.clock) as leadership:
        yield Watching(office, leadership)
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


@pytest.fixture
def watching(tmp_path, slack):
    with noting(tmp_path, slack) as found:
        yield found


def test_whoever_is_connected_is_noted_and_healthy(watching):
    began = watching.office.place.now
    watching.beat()
    assert watching.noted() == SlackStanding(began, began, None, began)
    assert watching.faults() == []


def test_it_is_written_once_a_minute_and_at_once_where_it_changed(watching):
    began = watching.office.place.now
    watching.beat()
    watching.wait(50)
    assert watching.noted().noted_at == began
    watching.wait(10)
    assert watching.noted().noted_at == began + MINUTE
    watching.wait(20)
    watching.ears.hears = False
    watching.wait(10)
    noted = watching.noted()
    assert (noted.connected_since, noted.deaf_since) == (None, began + 1.5 * MINUTE)


def test_who_is_deaf_for_a_minute_is_not_healthy_until_somebody_is_heard_again(watching):
    watching.beat()
    watching.ears.hears = False
    watching.wait(60)
    assert watching.faults() == [], "a connection is renewed now and then"
    watching.wait(20)
    (said,) = watching.faults()
    assert said.startswith("nobody in Slack is heard since 13 Nov 06:10 UTC: no button works")
    watching.ears.hears = True
    watching.wait(10)
    assert watching.faults() == []
    assert watching.events() == ["slack_deaf", "slack_heard_again"]


def test_fault_59_a_refused_token_is_noticed_though_nothing_is_sent_and_so_is_its_end(watching):
    watching.beat()
    watching.office.slack.revoke_tokens()
    watching.wait(70)
    (said,) = watching.faults()
    assert said.startswith("Slack refuses the token since ")
    assert "(token_revoked): nothing is sent" in said
    watching.office.slack.revoke_tokens(None)
    watching.wait(70)
    assert watching.faults() == []
    assert watching.events() == ["slack_refused", "slack_accepted"]


def test_who_is_deaf_and_refused_is_told_both_with_what_to_do_once(watching):
    watching.office.slack.revoke_tokens()
    watching.ears.hears = False
    watching.beat()
    watching.wait(70)
    refused, deaf = watching.faults()
    assert refused.endswith("(token_revoked): nothing is sent")
    assert deaf.endswith(": no button works; `spendwatch check --live` says more")


def test_a_slack_that_cannot_be_reached_is_asked_once_a_minute_and_the_heart_goes_on(watching):
    watching.beat()
    watching.office.slack.refuse_connections()
    watching.wait(180)
    watching.office.slack.accept_connections()
    assert watching.events() == ["slack_unanswered"] * 3
    assert watching.noted().answered_at == watching.office.place.now - 3 * MINUTE
    assert watching.faults() == []


def test_while_something_is_sent_nothing_is_asked_besides(watching):
    watching.beat()
    watching.office.tell()
    watching.office.slack.wait_until(lambda local: local.posted())
    asked = len(watching.office.slack.requests("auth.test"))
    for _ in range(5):
        watching.steady_s += 30
        watching.account.call("other", "auth_test")
        watching.notes.note()
    assert len(watching.office.slack.requests("auth.test")) == asked + 5


def test_notes_that_stop_are_told_and_those_of_a_service_before_are_not(watching):
    watching.ears.hears = False
    watching.beat()
    for _ in range(4):
        watching.office.wait(minutes=1)
        watching.leadership.beat(watching.office.app.clock())
    assert watching.faults() == ["how Slack stands was last noted 13 Nov 06:10 UTC"]
    engine = watching.office.app.engine
    watching.leadership._lock.give_back()
    with leading(engine, "run", watching.office.app.clock):
        assert watching.faults() == []


def test_nothing_is_said_of_slack_where_no_receiver_is_there_any_more(watching):
    watching.ears.hears = False
    watching.beat()
    watching.wait(120)
    place = watching.office.place
    text = place.config.read_text()
    text = text.replace('kind = "slack"', 'kind = "console"').replace(
        'conversation = "C0ALERTS"\n', ""
    )
    place.config.write_text(text)
    assert watching.faults() == []


def test_status_has_a_line_for_people_and_its_facts_for_programs(tmp_path, slack, capsys):
    office = Office(tmp_path, slack)
    # The command has the real clock: what it looks at must have it too.
    office.place.now = datetime.now(UTC)  # noqa: TID251 - as above
    with leading(office.app.engine, "run", office.app.clock) as leadership:
        capsys.readouterr()
        office.place.run("status")
        assert "slack      not noted so far" in capsys.readouterr().out
        found = Watching(office, leadership)
        found.beat()
        office.place.run("status")
        line = next(each for each in capsys.readouterr().out.splitlines() if "slack " in each)
        assert line.startswith("slack      connected since ")
        assert ", answered last " in line
        office.place.run("status", "--json")
        facts = json.loads(capsys.readouterr().out)["slack"]
        assert (facts["refused"], facts["deaf_since"]) == ("", None)
        assert facts["connected_since"] == facts["noted_at"]
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


def test_over_http_status_says_how_people_are_heard():
    standing = SlackStanding(datetime(2026, 11, 13, 6, tzinfo=UTC))
    assert standing.words(str) == "no app token, so nobody is heard, no answer"
    assert standing.words(str, posts=True) == "heard over HTTP, no answer"


def test_a_connection_that_is_lost_and_found_again_is_noted_by_the_real_listener(tmp_path, slack):
    office = Office(tmp_path, slack)
    office.listener.start()
    with leading(office.app.engine, "run", office.app.clock) as leadership:
        found = Watching(office, leadership, office.listener)
        slack.wait_until(lambda _local: office.listener.hears)
        found.notes.note()
        assert found.noted().connected_since
        slack.refuse_connections()
        slack.cut()
        slack.wait_until(lambda _local: not office.listener.hears)
        found.notes.note()
        assert found.noted().deaf_since
        slack.accept_connections()
        slack.wait_until(lambda _local: office.listener.hears, within_s=30)
        found.notes.note()
        assert found.noted().connected_since
    office.listener.stop()
    office.desk.app.engine.dispose()
    office.app.engine.dispose()
