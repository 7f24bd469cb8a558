"""Mail as the service delivers it: by itself, with a clock that is moved, to a real server."""

from __future__ import annotations

import socket
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from alerts.channels.mail import MailChannel
from alerts.channels.smtp import Server, SmtpAccount
from tests.mail.local import mail_server
from tests.service.serving import HOUR, serving
from tests.spendwatch.installations import FIRST, Installation

ANN, BOB = "ann@example.com", "bob@example.com"
MORE = """
[[receivers]]
kind = "email"
name = "people"
addresses = ["ann@example.com", "bob@example.com"]
digest = "off"

[email]
sender = "spendwatch@example.com"
host = "127.0.0.1"

[[routes]]
tenant = "acme"
receiver = "people"
"""
DAYS = 20


@pytest.fixture
def place(tmp_path):
    place = Installation(tmp_path, extra=MORE)
    place.write_days(DAYS, 100)
    place.write_day(FIRST + timedelta(days=DAYS), ["acme,chat,gpt-4o,900", "bolt,chat,gpt-4o,700"])
    place.now += timedelta(days=DAYS)
    return place


@pytest.fixture
def served(place):
    with serving(place) as served:
        yield served


def mail_by(served, port):
    """Let the receiver be reached at a port, by the clock that the test moves."""
    account = SmtpAccount(Server("127.0.0.1", port, "none"), lambda: served.steady_s)
    served.service.channels["people"] = MailChannel(
        account, (ANN, BOB), "spendwatch@example.com", "example.com", served.service.app.clock
    )
    return account


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


def test_fault_98_mail_that_is_down_for_six_hours_is_sent_later_and_holds_up_nobody(served):
    port = closed_port()
    mail_by(served, port)
    served.tick()
    written_at = served.place.now
    served.wait(24 * HOUR)  # the day of the spikes is over
    written_at = served.place.now
    assert served.times_told("bolt: ") == 1
    for _ in range(6):
        served.wait(HOUR)
    with mail_server(security="none", port=port) as (mail, _):
        served.wait(HOUR)
        served.tick()
    assert [each["To"] for each in mail.mails] == [ANN, BOB]
    assert {parsedate_to_datetime(each["Date"]) for each in mail.mails} == {written_at}
    assert mail.mails[0]["Subject"].startswith("acme: $900")


def test_what_is_critical_is_told_elsewhere_at_once_while_mail_is_down(served):
    mail_by(served, closed_port())
    served.tick()
    served.wait(24 * HOUR)
    served.tick()
    assert served.times_told("[critical] acme: $900") == 1
    assert "to people, who was not reached: SMTP: not reached" in " ".join(served.told().split())
    for _ in range(3):
        served.wait(HOUR)
    assert served.times_told("[critical] acme: $900") == 1


def test_mail_and_files_are_delivered_by_ticks_of_their_own(served):
    with mail_server(security="none") as (mail, port):
        mail_by(served, port)
        served.wait(24 * HOUR, tick=False)
        served.tick("pull gateway", "judge", "deliver")
        assert served.times_told("bolt: ") == 1
        assert mail.taken == []
        served.tick("deliver mail")
        assert [each["To"] for each in mail.mails] == [ANN, BOB]
    assert b"bolt" not in b"".join(mail.taken)


def test_fault_101_what_comes_back_is_read_by_nobody_and_answered_by_nobody(served):
    with mail_server(security="none") as (mail, port):
        mail_by(served, port)
        served.wait(24 * HOUR)
        served.tick()
        assert {each["Auto-Submitted"] for each in mail.mails} == {"auto-generated"}
        for _ in range(3):
            served.wait(HOUR)
    assert len(mail.taken) == 2


def test_the_mail_of_an_alert_has_its_chart_and_the_mail_of_its_end_hangs_below(place, capsys):
    with mail_server(security="none") as (mail, port):
        text = place.config.read_text(encoding="utf-8")
        place.config.write_text(
            text.replace(
                'host = "127.0.0.1"', f'host = "127.0.0.1"\nport = {port}\nsecurity = "none"'
            ),
            encoding="utf-8",
        )
        for day in range(DAYS, DAYS + 4):
            place.write_day(FIRST + timedelta(days=day + 1), ["acme,chat,gpt-4o,100"])
            assert place.run("once", "--day", str(FIRST + timedelta(days=day))) == 0
    opened, over = mail.to(ANN)
    assert [part.get_content_type() for part in opened.walk()].count("image/png") == 1
    assert over["In-Reply-To"] == opened["Message-ID"]
    assert over["Subject"] == f"Re: {opened['Subject']}"
    capsys.readouterr()
