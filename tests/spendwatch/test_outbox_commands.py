"""`spendwatch outbox` on a whole installation whose file of messages cannot be written at first."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from alerts.tables import NotificationRow
from spendwatch.db import writing
from tests.spendwatch.installations import CONFIG, FIRST, Installation

SPIKE = FIRST + timedelta(days=35)
TO_A_FILE = CONFIG.replace('name = "desk"\n', 'name = "desk"\npath = "messages.txt"\n', 1)


class Outage(Installation):
    """A folder stands where the messages should be written, until it is repaired."""

    def __init__(self, folder, config=TO_A_FILE):
        super().__init__(folder, config)
        self.file.mkdir()
        self.write_days(35, 100)
        self.write_day(SPIKE, ["acme,chat,gpt-4o,900"])

    @property
    def file(self):
        return self.folder / "messages.txt"

    def once(self):
        return self.run("once", "--day", str(SPIKE))

    def repair(self):
        self.file.rmdir()

    def keys_written(self):
        lines = self.file.read_text().splitlines()
        return [line.split('"')[1] for line in lines if line.startswith("== ")]


def told_of_messages(capsys):
    """What was told on stderr, log lines left out."""
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.startswith("spendwatch: ")]


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """What `outage` is a copy of."""
    place = Outage(tmp_path_factory.mktemp("lived"))
    assert place.once() == 1
    return place


@pytest.fixture
def outage(lived, tmp_path):
    """An alert was raised and nobody could be told."""
    return lived.copy(tmp_path / "outage")


@pytest.fixture
def given_up(outage):
    """The same, and its receiver was renamed in the settings, which no waiting can mend."""
    words = outage.config.read_text()
    outage.config.write_text(words.replace('"desk"', '"office"'))
    assert outage.run("outbox", "retry", "1") == 0
    assert outage.once() == 1
    # What could not be told was forwarded to the one who hears of everything, whose name is gone.
    assert outage.run("outbox", "drop", "2", "--note", "known") == 0
    outage.config.write_text(words)
    return outage


def test_once_names_what_was_not_delivered_and_why(tmp_path, capsys):
    assert Outage(tmp_path).once() == 1
    first, last = told_of_messages(capsys)
    assert first.startswith('spendwatch: not delivered: message 1 to desk, "acme: $900 on Tue 6')
    assert "messages.txt cannot be written: [Errno 21] Is a directory" in first
    assert "it stays queued, next try" in first
    assert last == "spendwatch: 1 message not delivered: see `spendwatch outbox list`"


def test_once_names_of_many_only_some(tmp_path, capsys):
    place = Outage(tmp_path, config=TO_A_FILE + "group_above = 20\n")
    spikes = [f"tenant-{number},chat,gpt-4o,900" for number in range(12)]
    place.write_day(SPIKE, ["acme,chat,gpt-4o,100", *spikes])
    assert place.once() == 1
    *named, last = told_of_messages(capsys)
    assert len(named) == 10
    assert last == "spendwatch: 12 messages not delivered: see `spendwatch outbox list`"
    assert len(place.json(capsys, "outbox", "list")) == 12


def test_who_looks_at_an_alert_sees_that_nobody_was_told(outage, capsys):
    words = 'not delivered: message 1 to desk, "acme: $900 on Tue 6 Oct, 9x normal"; see '
    for command in (["list"], ["show", "1"]):
        assert outage.run("alerts", *command) == 0
        assert f"{words}`spendwatch outbox list`\n" in capsys.readouterr().out
    with writing(outage.app().engine) as session:
        first = session.get(NotificationRow, 1).model_dump()
        session.add(NotificationRow(**first | {"number": 2, "key": "two", "alert_number": None}))
    assert outage.run("alerts", "list") == 0
    assert "\nnot delivered: 2 messages, the newest: message 2 to desk, " in capsys.readouterr().out
    assert outage.run("alerts", "show", "1") == 0
    assert "\nnot delivered: message 1 to desk, " in capsys.readouterr().out


def test_who_looks_at_an_alert_that_was_told_reads_nothing_of_it(outage, capsys):
    outage.repair()
    outage.run("outbox", "retry", "1")
    assert outage.once() == 0
    capsys.readouterr()
    for command in (["list"], ["show", "1"]):
        assert outage.run("alerts", *command) == 0
    assert "not delivered" not in capsys.readouterr().out


def test_a_message_that_could_not_be_written_is_listed_and_sent_once_repaired(outage, capsys):
    (entry,) = outage.json(capsys, "outbox", "list")
    assert (entry["number"], entry["alert"], entry["receiver"]) == (1, "A-1", "desk")
    assert (entry["state"], entry["attempts"], entry["reason"]) == ("retry", 1, "new")
    assert "Is a directory" in entry["error"]

    outage.repair()
    assert outage.run("outbox", "retry", "1", "--as", "aiko") == 0
    assert 'message 1 to desk, "acme: $900 on' in capsys.readouterr().out
    assert outage.once() == 0
    assert outage.once() == 0
    assert len(outage.keys_written()) == 1
    assert outage.json(capsys, "outbox", "list") == []
    (sent,) = outage.json(capsys, "outbox", "list", "--state", "sent")
    assert (sent["state"], sent["error"]) == ("sent", "")
    assert [(act["asked"], act["actor"]) for act in sent["acts"]] == [("retry", "aiko")]


def test_what_cannot_even_be_looked_up_is_not_written(outage, capsys):
    assert outage.run("outbox", "retry", "1") == 0
    assert outage.once() == 1
    (entry,) = outage.json(capsys, "outbox", "list")
    assert entry["error"].endswith("messages.txt cannot be read: [Errno 21] Is a directory: "
                                   f"'{outage.file}'")  # fmt: skip
    assert entry["attempts"] == 1


def test_a_dead_letter_is_named_by_once_until_a_person_settles_it(given_up, capsys):
    given_up.repair()
    capsys.readouterr()
    assert given_up.once() == 1
    words = capsys.readouterr().err
    assert 'given up: message 1 to desk, "acme: $900 on' in words
    assert "no channel reaches the receiver 'desk'" in words
    assert "`spendwatch outbox retry 1`" in words
    assert given_up.run("once", "--day", str(SPIKE), "--json") == 1
    facts = json.loads(capsys.readouterr().out)
    ((number, state),) = [(each["number"], each["state"]) for each in facts["undelivered"]]
    assert (number, state) == (1, "dead")

    assert given_up.run("outbox", "retry", "--dead") == 0
    assert "1 message queued again" in capsys.readouterr().out
    assert given_up.once() == 0
    assert len(given_up.keys_written()) == 1


def test_a_dead_letter_that_was_dropped_is_never_sent(given_up, capsys):
    given_up.repair()
    drop = ("outbox", "drop", "1", "--note", "everybody knows", "--as", "aiko")
    assert given_up.run(*drop) == 0
    assert "is dropped and never sent" in capsys.readouterr().out
    assert given_up.once() == 0
    assert not given_up.file.exists()
    assert given_up.run("outbox", "retry", "1") == 1
    assert given_up.run(*drop) == 1
    assert capsys.readouterr().err.count("message 1 was dropped by aiko") == 2
    assert given_up.json(capsys, "outbox", "list") == []
    dropped = given_up.json(capsys, "outbox", "list", "--all")[-1]
    assert (dropped["state"], dropped["acts"][-1]["note"]) == ("dropped", "everybody knows")
    assert given_up.run("outbox", "list", "--all") == 0
    assert "dropped by aiko: everybody knows" in " ".join(capsys.readouterr().out.split())


def test_a_drop_is_told_to_programs(outage, capsys):
    dropped = outage.json(capsys, "outbox", "drop", "1", "--note", "known", "--as", "aiko")
    assert (dropped["number"], dropped["state"], dropped["alert"]) == (1, "dropped", "A-1")
    assert [(act["actor"], act["note"]) for act in dropped["acts"]] == [("aiko", "known")]


def test_the_list_shows_what_a_person_needs(given_up, capsys):
    assert given_up.run("outbox", "list", "--state", "dead") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("desk", "A-1", "new", "dead", "no channel reaches", "asked for again by"):
        assert word in shown
    assert given_up.run("outbox", "list", "--state", "retry") == 0
    assert "no messages" in capsys.readouterr().out


def test_what_is_due_now_and_what_waits_its_turn_is_told_apart(outage, capsys):
    with writing(outage.app().engine) as session:
        first = session.get(NotificationRow, 1).model_dump()
        second = {"number": 2, "key": "later", "state": "new", "attempts": 0, "error": ""}
        session.add(NotificationRow(**first | second | {"due_at": None}))
        third = {"number": 3, "key": "many", "alert_number": None, "due_at": outage.now}
        session.add(NotificationRow(**first | third))
    assert outage.run("outbox", "list") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "in its turn" in shown
    assert "(many) new retry 1 due now" in shown


def test_an_empty_outbox_says_so(tmp_path, capsys):
    place = Installation(tmp_path)
    assert place.run("outbox", "list") == 0
    assert "nothing waits" in capsys.readouterr().out
    assert place.run("outbox", "retry", "--dead") == 0
    assert "0 messages queued again" in capsys.readouterr().out
    assert place.json(capsys, "outbox", "retry", "--dead") == []


def test_what_was_sent_is_not_dropped(outage, capsys):
    outage.repair()
    outage.run("outbox", "retry", "1")
    assert outage.once() == 0
    assert outage.run("outbox", "drop", "1", "--note", "too late") == 1
    assert "it cannot be dropped any more" in capsys.readouterr().err
    facts = outage.json(capsys, "outbox", "list", "--all")
    assert [each["state"] for each in facts] == ["sent"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("retry",), "say which"),
        (("retry", "1", "--dead"), "say which"),
        (("retry", "0"), "'0' is no message's number"),
        (("retry", "A-1"), "'A-1' is no message's number; `spendwatch outbox list` shows them"),
        (("retry", "1", "--as", ""), "--as says nothing"),
        (("list", "--state", " "), "--state says nothing"),
        (("drop", "1"), "--note"),
        (("drop", "1", "--note", " "), "--note must say why"),
        (("drop", "1", "--note", "x" * 1_001), "at most 1,000 characters"),
        (("drop", "9" * 20, "--note", "x"), "is no message's number"),
        (("list", "--state", "deed"), "did you mean dead?"),
    ],
)
def test_a_wrong_command_line_is_refused_in_words(tmp_path, capsys, arguments, words):
    assert Installation(tmp_path).run("outbox", *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_number_nobody_has_is_wrong_usage(tmp_path, capsys):
    place = Installation(tmp_path)
    assert place.run("outbox", "retry", "7") == 2
    assert place.run("outbox", "drop", "#7", "--note", "x", "--json") == 2
    both = capsys.readouterr()
    assert "there is no message 7; `spendwatch outbox list --all` shows them" in both.err
    assert "there is no message 7" in json.loads(both.out)["error"]
