"""The service audits itself, and tells somebody outside that all is well only where it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from alerts.channels.outbound_http import OutboundError
from alerts.tables import NOTIFICATION
from spendwatch.db import reading, writing
from spendwatch.slack_standing import SlackStanding, write_slack_standing
from spendwatch.standing import standing
from spendwatch.verification import verification_of
from spendwatch.verifying import heartbeat_of
from tests.fakes import RecordingChannel
from tests.outbound.receiving import receiving
from tests.service.serving import HOUR, serving
from tests.service.test_catching_up import morning_after, spend
from tests.spendwatch.installations import CONFIG, Installation

MINUTE = timedelta(minutes=1)
HEARTBEAT = '[outbound]\nheartbeat_url = "https://ping.example/hunter2"\n'


@pytest.fixture
def steady(tmp_path):
    place = Installation(tmp_path, extra=HEARTBEAT)
    place.write_days(35, 100)
    place.now = morning_after(34)
    return place


def noted(place):
    app = place.app()
    with reading(app.engine) as session:
        found = verification_of(session)
    app.engine.dispose()
    return found


def test_after_a_whole_cycle_the_heartbeat_is_sent_every_five_minutes(steady):
    with serving(steady) as service:
        service.tick("heartbeat", "verify")
        assert service.pings == [], "nothing was judged or delivered so far"
        service.tick()
        start = steady.now
        assert service.pings == [start]
        for _ in range(10):
            service.wait(MINUTE)
        assert service.pings == [start, start + 5 * MINUTE, start + 10 * MINUTE]
    found = noted(steady)
    assert (found.wrong, found.error) == ("", "")
    assert found.verified_at == found.confirmed_at == start + 10 * MINUTE


def wrong_with(place, service):
    """Let a minute pass; return what the audit says, and whether a heartbeat was sent."""
    before = len(service.pings)
    service.wait(5 * MINUTE, tick=False)
    service.tick("heartbeat", "verify")
    return noted(place).wrong, len(service.pings) > before


def test_a_decision_whose_message_is_gone_stops_the_heartbeat(steady):
    with serving(steady) as service:
        spend(steady, 34, 400)
        service.tick()
        app = service.service.app
        with writing(app.engine) as session:
            session.connection().execute(delete(NOTIFICATION))
        said = "no message tells what was decided to tell of A-1"
        assert wrong_with(steady, service) == (said, False)
        assert wrong_with(steady, service) == (said, False)
        assert [each["wrong"] for each in service.logged("not_verified")] == [said], "told once"


def test_a_message_that_nobody_tries_stops_the_heartbeat_until_somebody_does(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 400)
        service.wait(24 * HOUR, tick=False)
        channel = RecordingChannel(lambda: steady.now)
        service.service.channels = {"desk": channel}
        service.tick("heartbeat", "pull gateway", "judge")
        assert wrong_with(steady, service) == ("", True)
        wrong_with(steady, service)
        assert wrong_with(steady, service) == ("a message waits since 7 Oct 06:00 UTC", False)
        service.tick("deliver")
        assert wrong_with(steady, service) == ("", True)
        assert "verified_again" in service.events()
        assert len(channel.sent) == 1


def test_a_message_that_is_tried_and_fails_does_not_stop_the_heartbeat(steady):
    """That its receiver is down is told elsewhere; here it counts that somebody takes care."""
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 400)
        service.wait(24 * HOUR, tick=False)
        channel = RecordingChannel(lambda: steady.now)
        channel.fails = ["down"] * 99
        service.service.channels = {"desk": channel}
        for _ in range(30):
            service.wait(MINUTE)
        assert noted(steady).wrong == ""
        assert channel.sent == []
        service.service.channels = {}
        for _ in range(20):
            service.wait(MINUTE)
        assert noted(steady).wrong == "1 message to the receiver of everything given up"


def test_a_message_that_hangs_in_its_channel_stops_the_heartbeat(steady):
    with serving(steady) as service:
        spend(steady, 34, 400)
        service.tick()
        app = service.service.app
        with writing(app.engine) as session:
            hung = {"state": "sending", "claimed_at": steady.now}
            session.connection().execute(update(NOTIFICATION).values(**hung))
        said, sent = wrong_with(steady, service)
        assert (said, sent) == ("a message is being sent since 6 Oct 06:00 UTC", False)


def test_a_day_that_is_pulled_and_not_judged_stops_the_heartbeat(steady):
    with serving(steady) as service:
        service.tick()
        spend(steady, 35, 100)
        service.wait(24 * HOUR, tick=False)
        service.tick("heartbeat", "pull gateway", "verify")
        assert noted(steady).wrong == ""
        service.wait(6 * HOUR, tick=False)
        said, sent = wrong_with(steady, service)
        assert said.startswith("Tue 6 Oct is not judged, settled 7 Oct 02:00 UTC")
        assert not sent


def test_a_clock_in_doubt_stops_the_heartbeat(steady):
    with serving(steady) as service:
        service.tick()
        service.set_clock(-3 * HOUR)
        said, sent = wrong_with(steady, service)
        assert "nothing is judged: the clock went back" in said
        assert not sent


def test_damage_stops_the_heartbeat(steady):
    with serving(steady) as service:
        service.tick()
        service.service.damage = "it looks broken"
        said, sent = wrong_with(steady, service)
        assert (said.split(";")[0], sent) == ("nothing is judged: it looks broken", False)


def test_slack_that_is_not_heard_stops_the_heartbeat(tmp_path):
    slack = CONFIG + '[[receivers]]\nkind = "slack"\nname = "s"\nconversation = "C0ALERTS"\n'
    place = Installation(tmp_path, slack)
    place.write_days(35, 100)
    place.now = morning_after(34)
    with serving(place) as service:
        service.tick()
        assert len(service.pings) == 1
        app, now = service.service.app, place.now + 5 * MINUTE
        write_slack_standing(app.engine, SlackStanding(now, deaf_since=place.now))
        said, sent = wrong_with(place, service)
        assert said.startswith("nobody in Slack is heard since")
        assert not sent


@pytest.fixture
def outside():
    with receiving() as server:
        yield server


def ping_to(folder, server, log=None):
    """What sends the heartbeat of an installation whose settings name a server of the tests."""
    url = f"http://127.0.0.1:{server.port}/beat/hunter2?t=hunter2"
    extra = f'[outbound]\nheartbeat_url = "{url}"\ntimeout_s = 1\nprivate_hosts = ["127.0.0.1"]\n'
    app = Installation(folder, extra=extra).app()
    app.engine.dispose()
    return heartbeat_of(app)


def test_the_heartbeat_is_a_get_of_its_address(tmp_path, outside):
    ping_to(tmp_path, outside)()
    (heard,) = outside.heard
    assert (heard.method, heard.path, heard.body) == ("GET", "/beat/hunter2?t=hunter2", b"")


@pytest.mark.parametrize(
    ("answer", "words"),
    [((500, {}), "HTTP 500"), ((302, {"Location": "/x"}), "HTTP 302"), ("hang", "takes too long"),
     ("drop", "no answer from 127.0.0.1")],
)  # fmt: skip
def test_fault_110_whatever_is_wrong_with_the_other_side_is_said_without_its_address(
    tmp_path, outside, answer, words
):
    outside.answers[:] = [answer]
    with pytest.raises(OutboundError, match=words) as caught:
        ping_to(tmp_path, outside)()
    assert "hunter2" not in str(caught.value)
    assert len(outside.heard) == 1


def test_where_nobody_waits_for_it_no_heartbeat_is_sent(tmp_path):
    app = Installation(tmp_path).app()
    app.engine.dispose()
    assert heartbeat_of(app) is None


def test_fault_110_whoever_takes_no_heartbeat_is_logged_once_and_asked_again(steady):
    with serving(steady) as service:
        service.ping_fails = ["ping.example answered HTTP 500"] * 3
        service.tick()
        for _ in range(3):
            service.wait(MINUTE)
        assert service.pings == [steady.now], "asked again each minute, until it was taken"
        events = [each for each in service.events() if "heartbeat" in each]
        assert events == ["heartbeat_unconfirmed", "heartbeat_confirmed"]


def test_health_and_status_say_when_the_heartbeat_was_confirmed_last(steady, capsys):
    with serving(steady) as service:
        service.tick()
        assert "heartbeat confirmed 6 Oct 06:00 UTC" in shown(steady, service)
        service.ping_fails = ["ping.example is not reached: Connection refused"]
        service.wait(5 * MINUTE)
        said = shown(steady, service)
        assert said.startswith("healthy"), "what is down is not the service"
        status = status_of(steady, capsys)
        assert "verified   all that was due was done, 6 Oct 06:05" in status
        refused = "ping.example is not reached: Connection refused"
        assert f"heartbeat  last confirmed 6 Oct 06:00: {refused}" in status
        assert "hunter2" not in said + status


def shown(place, service):
    return standing(service.service.app).words


def status_of(place, capsys):
    capsys.readouterr()
    place.run("status")
    return capsys.readouterr().out
