"""The real service, watched from outside: its heartbeat, and its return after it was killed."""

from __future__ import annotations

from datetime import timedelta

from alerts import outbox
from spendwatch.app import system_clock
from spendwatch.db import writing
from tests.builders import a_notification
from tests.outbound.receiving import receiving
from tests.process.services import FILE, a_place, running, told, until

HEARTBEAT = """
[outbound]
heartbeat_url = "http://127.0.0.1:{port}/beat?t=hunter2"
private_hosts = ["127.0.0.1"]
timeout_s = 60
"""
GONE = "and is back: it did not end as it should"


def queue(place, key):
    """Write a message that is due at once."""
    app = place.app()
    with writing(app.engine) as session:
        numberless = a_notification(key, receiver="desk", title=f"told {key}")
        outbox.add_once(session, type(numberless)(**_fields(numberless)))
    app.engine.dispose()


def _fields(notification):
    names = notification.__slots__
    return {each: getattr(notification, each) for each in names} | {
        "alert_number": None,
        "created_at": system_clock() - timedelta(seconds=1),
    }


def test_fault_110_a_heartbeat_that_hangs_holds_up_no_message_and_no_end(tmp_path):
    with receiving() as outside:
        outside.answers[:] = ["hang"]
        place = a_place(tmp_path, FILE, extra=HEARTBEAT.format(port=outside.port))
        with running(place) as service:
            until(lambda: outside.heard)
            queue(place, "while it hangs")
            until(lambda: "told while it hangs" in told(place))
            assert not outside.released.is_set()
            assert len(outside.heard) == 1
            assert service.ask_to_end() == 0
    assert "hunter2" not in str(service.seen)


def test_after_a_kill_somebody_is_told_once_and_after_a_clean_stop_nobody_is(tmp_path):
    place = a_place(tmp_path)
    with running(place) as service:
        service.wait_for("day_judged")
        service.kill()
    with running(place) as service:
        assert service.wait_for("unclean_stop")["last_heard_of"]
        until(lambda: GONE in told(place))
        assert service.ask_to_end() == 0
    with running(place) as service:
        service.wait_for("service_started")
        until(lambda: "acme: $400 on" in told(place))
        assert service.ask_to_end() == 0
    assert "unclean_stop" not in [each["event"] for each in service.seen]
    assert told(place).count(GONE) == 1
