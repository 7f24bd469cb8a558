from __future__ import annotations

from itertools import cycle

import pytest

from alerts.grouping import group_message, list_messages
from alerts.model import AlertState, Change
from detector.model import FindingKind, Severity
from tests.alerts.test_messages import GOLDEN, reads_as
from tests.builders import DAY, NAMES, an_alert, one_of_each, spike

FLOOD = (spike(tenant="bolt", actual=500), *one_of_each())
WARNING, CRITICAL = spike(tenant="bolt", actual=500), spike()
MIXED = (Change.OPENED, Change.WORSE, Change.RESOLVED, Change.REVISED, Change.RELEASED)
CASES = {
    "new": (Change.OPENED,),
    "over": (Change.RESOLVED, Change.WITHDRAWN),
    "mixed": MIXED,
    "unanswered": (Change.REMINDED,),
}


def news_of(findings, changes):
    return [
        (as_after(change, finding, number), change)
        for number, (finding, change) in enumerate(zip(findings, cycle(changes), strict=False), 12)
    ]


def as_after(change, finding, number):
    if change in (Change.RESOLVED, Change.WITHDRAWN):
        return an_alert(finding, number=number, state=AlertState.RESOLVED, ended=True)
    return an_alert(finding, number=number)


@pytest.mark.parametrize("name", CASES)
def test_many_at_once_read_as_their_golden_file(name):
    flood = [each for each in FLOOD if name == "new" or each.kind is not FindingKind.PRICE_CHANGE]
    reads_as(GOLDEN / f"group_{name}.txt", group_message(news_of(flood, CASES[name]), DAY, NAMES))


def test_no_golden_file_of_a_group_is_left_over():
    assert {path.stem for path in GOLDEN.glob("group_*")} == {f"group_{name}" for name in CASES}


def test_what_is_all_over_is_told_calmly_and_not_as_a_storm():
    said = group_message(news_of([CRITICAL] * 82, [Change.RESOLVED]), DAY, NAMES)
    assert (said.tone, said.title) == ("calm", "82 alerts are over on Thu 12 Nov: 82 spend spikes")


def test_a_mixed_group_says_how_many_are_new_worse_revised_and_over():
    said = group_message(news_of([WARNING] * 10, MIXED), DAY, NAMES)
    assert said.title == (
        "10 alerts at once on Thu 12 Nov: 4 new, 2 worse, 2 revised, 2 over (10 spend spikes)"
    )


def test_a_group_is_as_grave_as_the_gravest_alert_that_is_not_over():
    news = [*news_of([CRITICAL] * 3, [Change.RESOLVED]), *news_of([WARNING], [Change.OPENED])]
    said = group_message(news, DAY, NAMES)
    assert said.tone == Severity.WARNING.value
    assert "Bolt" in said.lines[0].text


def test_every_alert_of_a_group_is_listed_the_gravest_first_beside_the_five_that_are_shown():
    said = group_message(news_of([*[WARNING] * 6, CRITICAL], [Change.OPENED]), DAY, NAMES)
    assert len(said.listed) == 7
    assert said.listed[0].startswith("A-18 Acme: ")
    assert said.listed[:5] == tuple(line.text for line in said.lines[:5])
    assert said.lines[5].text == "2 others"


def test_of_a_storm_five_hundred_are_listed_and_the_rest_counted():
    said = group_message(news_of([WARNING] * 1_502, [Change.OPENED]), DAY, NAMES)
    assert len(said.listed) == 501
    assert said.listed[-1] == "and 1,002 more"
    assert group_message(news_of([WARNING] * 500, [Change.OPENED]), DAY, NAMES).listed[-1][:2] == (
        "A-"
    )


def test_one_alert_more_than_are_shown_is_one_other():
    said = group_message(news_of([WARNING] * 6, [Change.OPENED]), DAY, NAMES)
    assert said.lines[-1].text == "1 other"


def test_the_list_of_a_group_fits_in_few_messages_and_counts_what_is_missing():
    for many, parts, last in ((5, 0, ""), (6, 1, "A-6"), (100, 2, "A-100"), (10_000, 5, "more")):
        news = [(an_alert(number=number), Change.OPENED) for number in range(1, many + 1)]
        written = list_messages(group_message(news, DAY, NAMES))
        assert len(written) == parts
        assert all(len(each.lines) <= 91 for each in written)
        if last:
            assert last in written[-1].lines[-1].text
            shown = sum(each.text.startswith("A-") for part in written for each in part.lines)
            hidden = (
                int(written[-1].lines[-1].text.split()[1].replace(",", "")) if parts == 5 else 0
            )
            assert shown + hidden == many
