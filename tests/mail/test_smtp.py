"""Mail by SMTP against a real server: what is told apart, and what nobody hears."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from time import monotonic

import pytest

from alerts.channels.base import ChannelError
from alerts.channels.mail import MailChannel
from alerts.channels.smtp import Server, SmtpAccount
from alerts.notice import Picture
from tests.builders import NOW, a_notification
from tests.mail.local import PASSWORD, USER, mail_server

ANN, BOB = "ann@example.com", "bob@example.com"
WRONG = "wrong"


def account(port, **changed):
    return SmtpAccount(
        Server(**{"host": "127.0.0.1", "port": port, "security": "none"} | changed), monotonic
    )


def channel(carrier, recipients=(ANN,), **more):
    sender = "spendwatch <alerts@example.com>"
    return MailChannel(carrier, recipients, sender, "example.com", lambda: NOW, **more)


def told(recipient=ANN, key="k", **changed):
    return replace(a_notification(key), recipient=recipient, **changed)


@pytest.fixture
def served():
    with mail_server(security="none") as (mail, port):
        carrier = account(port)
        yield mail, carrier
        carrier.close()


def fails(send, *arguments, **named):
    with pytest.raises(ChannelError) as raised:
        send(*arguments, **named)
    return raised.value


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_mail_goes_out_over_tls_with_a_password(certificate, security):
    with mail_server(certificate, security=security, auth=True) as (mail, port):
        carrier = account(
            port, security=security, user=USER, password=PASSWORD, ca_file=certificate.file
        )
        receipt = channel(carrier).send(told())
        carrier.close()
    (got,) = mail.mails
    assert got["Message-ID"] == receipt.reference
    assert mail.envelopes == [("alerts@example.com", (ANN,))]


def test_a_wrong_password_is_an_account_that_is_down_and_not_a_lost_mail(certificate):
    with mail_server(certificate, auth=True) as (mail, port):
        carrier = account(
            port, security="starttls", user=USER, password=WRONG, ca_file=certificate.file
        )
        error = fails(channel(carrier).send, told())
    assert not error.permanent
    assert not error.unsure
    assert "refuses the password" in carrier.down
    assert carrier.wait_s() > 30
    assert PASSWORD not in str(error)
    assert not mail.taken


def test_fault_102_no_password_is_sent_where_the_certificate_is_not_trusted(certificate):
    with mail_server(certificate, auth=True) as (mail, port):
        carrier = account(port, security="starttls", user=USER, password=PASSWORD)
        error = fails(channel(carrier).send, told())
    assert "the certificate is not trusted" in str(error)
    assert not error.permanent
    assert not mail.taken


def test_fault_102_no_password_is_sent_where_starttls_was_stripped():
    heard, port = _listening_without_starttls()
    carrier = account(port, security="starttls", user=USER, password=PASSWORD)
    error = fails(channel(carrier).send, told())
    assert "lacks what the settings ask for: STARTTLS" in str(error)
    assert b"AUTH" not in b"".join(heard).upper()


def _listening_without_starttls():
    """A server, or somebody in between, that offers no STARTTLS; keep what it hears."""
    listener, heard = socket.create_server(("127.0.0.1", 0)), []

    def serve():
        with listener, listener.accept()[0] as caller:
            caller.sendall(b"220 mail.test\r\n")
            while line := caller.recv(1000):
                heard.append(line)
                caller.sendall(b"250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n")

    threading.Thread(target=serve, daemon=True).start()
    return heard, listener.getsockname()[1]


def test_a_password_without_tls_is_refused_before_anything_is_connected():
    with pytest.raises(ValueError, match="only sent over TLS"):
        SmtpAccount(Server("mail.test", security="none", user=USER, password=WRONG), monotonic)


def test_mails_share_one_connection(served):
    mail, carrier = served
    for key in "abc":
        channel(carrier).send(told(key=key))
    assert len(mail.taken) == 3
    assert mail.connections == 1


def test_a_connection_that_was_lost_meanwhile_is_made_again_and_nothing_is_unsure(served):
    mail, carrier = served
    channel(carrier).send(told(key="a"))
    mail.answers.rcpt = ["drop"]
    error = fails(channel(carrier).send, told(key="b"))
    assert not error.unsure  # nothing of its text was sent
    channel(carrier).send(told(key="b"))
    assert len(mail.taken) == 2


@pytest.mark.parametrize(
    ("answers", "permanent", "nobody_there"),
    [
        ({"rcpt": ["450 4.2.1 busy"]}, False, False),
        ({"data": ["451 4.3.0 later"]}, False, False),
        ({"rcpt": ["550 5.1.1 no such user"]}, True, True),
        ({"data": ["554 5.7.1 looks like spam"]}, True, False),
    ],
)
def test_fault_99_what_passes_is_told_from_what_does_not(served, answers, permanent, nobody_there):
    mail, carrier = served
    for name, lines in answers.items():
        setattr(mail.answers, name, lines)
    error = fails(channel(carrier).send, told())
    assert (error.permanent, error.nobody_there) == (permanent, nobody_there)
    assert not error.unsure
    assert not mail.taken
    channel(carrier).send(told(key="the next"))  # over the same connection
    assert mail.connections == 1


def test_fault_99_a_mail_too_large_is_sent_without_its_chart(served):
    mail, carrier = served
    mail.answers.data = ["552 5.3.4 too large"]
    picture = Picture(b"\x89PNG" + b"x" * 1000, "a title", "what it shows")
    channel(carrier, draw=lambda _: picture).send(told())
    (got,) = mail.mails
    assert [part.get_content_type() for part in got.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_a_refused_sender_concerns_all_mails_and_none_is_given_up(served):
    mail, carrier = served
    mail.answers.mail_from = ["553 5.7.1 not your address"]
    error = fails(channel(carrier).send, told())
    assert not error.permanent
    assert "the sender is refused" in carrier.down


def test_fault_100_what_was_lost_after_its_text_is_sent_once_more_with_the_same_id(served):
    mail, carrier = served
    mail.answers.data = ["drop after"]
    error = fails(channel(carrier).send, told())
    assert error.unsure
    channel(carrier).send(told(), again=1)
    first, second = mail.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert mail.taken[0] == mail.taken[1]


def test_fault_100_what_was_lost_twice_is_given_up(served):
    mail, carrier = served
    mail.answers.data = ["drop after", "drop after"]
    assert not fails(channel(carrier).send, told()).permanent
    error = fails(channel(carrier).send, told(), again=1)
    assert error.permanent
    assert "handed in twice under the same id" in str(error)
    assert len(mail.taken) == 2


def test_a_server_that_says_nothing_holds_nobody_longer_than_its_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        carrier = account(silent.getsockname()[1], timeout_s=0.2)
        error = fails(channel(carrier).send, told())
    assert not error.unsure
    assert carrier.down


def test_whoever_is_down_is_left_alone_for_a_minute_and_then_tried():
    now = [1000.0]
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    carrier = SmtpAccount(Server("127.0.0.1", port, "none"), lambda: now[0])
    fails(channel(carrier).send, told())
    assert carrier.wait_s() == 60
    now[0] += 61
    assert carrier.wait_s() == 0
    with mail_server(security="none", port=port) as (mail, _):
        channel(carrier).send(told())
    assert (carrier.down, len(mail.taken)) == ("", 1)
    carrier.close()


def test_a_copy_names_its_one_recipient_and_nobody_else(served):
    mail, carrier = served
    both = channel(carrier, (ANN, BOB))
    for each in (ANN, BOB):
        both.send(told(each, key=f"k to {each}"))
    assert [recipients for _, recipients in mail.envelopes] == [(ANN,), (BOB,)]
    assert BOB.encode() not in mail.taken[0]
    assert ANN.encode() not in mail.taken[1]
