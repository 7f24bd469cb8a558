"""How often a mail is handed in where nobody can be asked what became of it: twice at most."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from sqlmodel import select

from alerts import outbox, settling
from alerts.channels.base import ChannelError
from alerts.channels.mail import MailChannel
from alerts.delivery import LEASE, Whom, deliver
from alerts.outbox import Act, Asked
from alerts.tables import NotificationRow
from spendwatch.db import reading, writing
from tests.builders import a_notification
from tests.fakes import Crash, FakeClock, RecordingChannel

ANN = "ann@example.com"
LOST = ChannelError("lost while it was sent", unsure=True)
BUSY = ChannelError("451 not now", unsure=False)


class Carrier:
    """Takes every mail, and then fails as it is told, or dies."""

    down = ""

    def __init__(self, *fails, can_be_asked=False, connects=()):
        self.fails, self.can_be_asked, self.taken = [*fails], can_be_asked, []
        self.connects = [*connects]

    def wait_s(self):
        return 0.0

    def hand_in(self, mail):
        fault = self.fails.pop(0) if self.fails else None
        if fault is not BUSY:
            self.taken.append(mail.as_bytes())
        if fault:
            raise fault

    def was_taken(self, mail):
        if self.connects and (fault := self.connects.pop(0)):
            raise fault
        return False

    def close(self):
        pass


class Desk:
    """A receiver that is one address, and one that is told what that one cannot be told."""

    def __init__(self, database, carrier):
        self.database, self.carrier, self.clock = database, carrier, FakeClock()
        self.default = RecordingChannel(self.clock)
        with writing(database) as session:
            note = replace(a_notification("k"), alert_number=None)
            outbox.add_notifications(session, [note])

    def deliver(self, times):
        """Deliver so often, each time by a new process."""
        for _ in range(times):
            mail = MailChannel(self.carrier, (ANN,), ANN, "example.com", self.clock)
            channels = {"ops": mail, "default": self.default}
            try:
                deliver(partial(writing, self.database), channels, self.clock, whom=Whom("default"))
            except Crash:
                with writing(self.database) as session:
                    outbox.take_over(session, self.clock())
            self.clock.move(LEASE)

    def copy(self):
        with reading(self.database) as session:
            query = select(NotificationRow).where(NotificationRow.recipient == ANN)
            return session.exec(query).one()


@pytest.mark.parametrize(
    "fails",
    [
        [LOST, LOST],
        [Crash(), Crash(), Crash()],
        [LOST, Crash(), LOST],
        [Crash(), BUSY, Crash(), LOST],
        [LOST, BUSY, BUSY, LOST, LOST],
    ],
    ids=str,
)
def test_fault_100_it_is_handed_in_twice_at_most_whatever_happens_meanwhile(database, fails):
    desk = Desk(database, Carrier(*fails))
    desk.deliver(8)
    assert len(desk.carrier.taken) == 2
    assert len(set(desk.carrier.taken)) == 1
    assert desk.copy().state == "dead"
    assert "handed in twice under the same id" in desk.copy().error
    assert [each.key for each in desk.default.sent] == [f"forward:k to {ANN}"]


def test_refused_for_now_however_often_it_is_not_in_doubt(database):
    desk = Desk(database, Carrier(BUSY, BUSY, BUSY, BUSY))
    desk.deliver(8)
    assert len(desk.carrier.taken) == 1
    assert (desk.copy().state, desk.copy().unsure_tries) == ("sent", 0)


def test_to_die_before_it_is_handed_in_again_costs_no_try(database):
    desk = Desk(database, Carrier(Crash(), connects=[Crash(), BUSY, Crash()]))
    desk.deliver(8)
    assert (len(desk.carrier.taken), desk.copy().state) == (2, "sent")


def test_whoever_asks_for_it_again_has_it_handed_in_once_more(database):
    desk = Desk(database, Carrier(Crash(), Crash(), LOST))
    desk.deliver(4)
    with writing(database) as session:
        settling.retry_dead(session, Act(Asked.RETRY, "ana", desk.clock()))
    desk.deliver(4)
    assert (len(desk.carrier.taken), desk.copy().state) == (3, "dead")


def test_a_carrier_that_can_be_asked_is_asked_and_not_given_up(database):
    desk = Desk(database, Carrier(Crash(), Crash(), can_be_asked=True))
    desk.deliver(4)
    assert (len(desk.carrier.taken), desk.copy().state) == (3, "sent")
