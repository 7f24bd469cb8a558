"""Mail through Azure Communication Services, by its real client, against a local one."""

from __future__ import annotations

import base64
from dataclasses import replace
from time import monotonic

import pytest

from alerts.channels.azure_mail import AzureMailAccount
from alerts.channels.base import ChannelError
from alerts.channels.mail import MailChannel
from alerts.notice import Headline, Picture
from tests.builders import NOW, a_notification
from tests.mail.azure import azure_mail

ANN = "ann@example.com"
KEY = base64.b64encode(b"not a real key, of course").decode()
PICTURE = Picture(b"\x89PNG", "a title", "what it shows")


@pytest.fixture
def served():
    with azure_mail() as (azure, address):
        account = AzureMailAccount(address, KEY, monotonic, timeout_s=2, a_minute=1000)
        yield azure, account
        account.close()


def channel(account, **more):
    sender = "spendwatch <alerts@example.com>"
    return MailChannel(account, (ANN,), sender, "example.com", lambda: NOW, **more)


def told(key="k", **changed):
    return replace(a_notification(key), recipient=ANN, **changed)


def fails(send, *arguments, **named):
    with pytest.raises(ChannelError) as raised:
        send(*arguments, **named)
    return raised.value


def test_a_mail_arrives_with_all_that_one_by_smtp_has(served):
    azure, account = served
    first = Headline("<first@example.com>", "what came first")
    receipt = channel(account, draw=lambda _: PICTURE).send(told(first=first))
    (mail,) = azure.mails.values()
    assert mail["senderAddress"] == "alerts@example.com"
    assert mail["recipients"] == {"to": [{"address": ANN}]}
    assert mail["content"]["subject"] == "Re: what came first"
    assert "cid:chart" in mail["content"]["html"]
    assert "[warning] Acme" in mail["content"]["plainText"]
    assert mail["headers"]["Message-ID"] == receipt.reference
    assert mail["headers"]["In-Reply-To"] == "<first@example.com>"
    assert mail["headers"]["Auto-Submitted"] == "auto-generated"
    assert mail["attachments"][0]["contentId"] == "chart"
    assert base64.b64decode(mail["attachments"][0]["contentInBase64"]) == PICTURE.png
    assert mail["userEngagementTrackingDisabled"] is True


def test_the_key_is_in_no_request(served):
    azure, account = served
    channel(account).send(told())
    assert KEY not in str(azure.headers)


def test_fault_100_one_that_was_taken_before_the_connection_broke_is_found_and_not_sent_again(
    served,
):
    azure, account = served
    azure.answers = ["drop after"]
    assert fails(channel(account).send, told()).unsure
    found = channel(account).find(told(), NOW)
    assert found.reference in azure.message_ids
    assert len(azure.mails) == 1


def test_one_that_was_not_taken_is_not_found(served):
    azure, account = served
    azure.answers = ["drop"]
    assert fails(channel(account).send, told()).unsure
    assert channel(account).find(told(), NOW) is None
    channel(account).send(told(), again=1)
    assert len(azure.mails) == 1


def test_azure_itself_refuses_the_second_of_one_id(served):
    azure, account = served
    channel(account).send(told())
    error = fails(channel(account).send, told())
    assert error.permanent
    assert len(azure.mails) == 1


@pytest.mark.parametrize(
    ("status", "permanent", "unsure", "retry_after_s"),
    [(429, False, False, 7.0), (503, False, True, None), (400, True, False, None)],
)
def test_what_passes_is_told_from_what_does_not(served, status, permanent, unsure, retry_after_s):
    azure, account = served
    azure.answers = [status]
    error = fails(channel(account).send, told())
    assert (error.permanent, error.unsure) == (permanent, unsure)
    assert error.retry_after_s == retry_after_s
    assert azure.mails == {}


def test_a_429_pauses_all_mails(served):
    azure, account = served
    azure.answers = [429]
    fails(channel(account).send, told())
    assert 0 < account.wait_s() <= 7


def test_a_refused_key_is_an_account_that_is_down(served):
    azure, account = served
    azure.answers = [401]
    error = fails(channel(account).send, told())
    assert not error.permanent
    assert account.down
    assert 0 < account.wait_s() <= 60


def test_a_mail_that_azure_gives_up_is_given_up(served):
    azure, account = served
    azure.statuses = ["Failed"]
    assert fails(channel(account).send, told()).permanent


def test_one_that_takes_long_counts_as_taken(served):
    azure, account = served
    azure.statuses = ["Running"] * 10
    assert channel(account).send(told()).reference in azure.message_ids


def test_no_more_are_handed_in_than_a_minute_allows():
    with azure_mail() as (_, address):
        account = AzureMailAccount(address, KEY, lambda: 100.0, timeout_s=2, a_minute=2)
        for number in range(2):
            assert account.wait_s() == 0
            channel(account).send(told(f"k{number}"))
        assert account.wait_s() == 60
        account.close()


def test_nobody_there_is_an_account_that_is_down_for_a_minute():
    account = AzureMailAccount("http://127.0.0.1:9", KEY, lambda: 100.0, timeout_s=1)
    error = fails(channel(account).send, told())
    assert (error.permanent, error.unsure) == (False, False)
    assert account.wait_s() == 60
    account.close()
