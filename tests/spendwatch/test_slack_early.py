"""A day that is told while it runs, in Slack: one message, which ends as the finished day is."""

from __future__ import annotations

import pytest

from spendwatch.jobs import keeping_shown
from tests.builders import DAY, early_spike, spike
from tests.spendwatch.slack_office import Office


@pytest.fixture
def office(tmp_path, slack):
    office = Office(tmp_path, slack)
    yield office
    office.desk.app.engine.dispose()
    office.app.engine.dispose()


def shown(office):
    """The messages as they stand."""
    keeping_shown(office.app, office.channels).show()
    return [message.text for message in office.slack.posted()]


def test_what_a_day_grows_to_changes_its_message_and_posts_nothing(office):
    office.tell(early_spike(actual=700))
    (text,) = shown(office)
    assert "$700 on Thu 12 Nov, 2.1x normal, day still running" in text
    office.wait(minutes=30)
    office.tell(early_spike(actual=1_900))
    (text,) = shown(office)
    assert "$1,900 on Thu 12 Nov, 5.7x normal, day still running" in text
    office.wait(hours=14)
    office.tell(spike(actual=3_600))
    (text,) = shown(office)
    assert "$3,600 on Thu 12 Nov, 11x normal" in text
    assert "running" not in text
    assert office.slack.replies(office.slack.channel, office.root.ts) == []


def test_a_day_that_is_normal_in_the_end_is_said_to_be_and_its_message_too(office):
    office.tell(early_spike(actual=700))
    office.wait(hours=14)
    office.tell_nothing(DAY)
    first, *others = shown(office)
    below = [each.text for each in office.slack.replies(office.slack.channel, office.root.ts)]
    assert "withdrawn, Thu 12 Nov is normal as a whole" in first
    (word,) = {each for each in (*others, *below) if "withdrawn" in each}
    assert "withdrawn, Thu 12 Nov is normal as a whole" in word
