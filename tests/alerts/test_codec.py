from __future__ import annotations

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.codec import decode, encode
from alerts.model import AbnormalDay, Reply
from alerts.notice import Message
from detector.model import Finding, Lesson
from tests.builders import a_message, a_reply, an_alert, november, one_of_each, spike


def there_and_back(value, kind=None):
    return decode(kind or type(value), json.loads(json.dumps(encode(value), allow_nan=False)))


@pytest.mark.parametrize("finding", one_of_each(), ids=lambda finding: finding.kind)
def test_a_finding_of_every_kind_comes_back_whole(finding):
    assert there_and_back(finding) == finding


def test_messages_replies_and_abnormal_days_come_back_whole():
    for value, kind in [
        (a_message(), Message),
        (a_reply(), Reply),
        (an_alert().abnormal[0], AbnormalDay),
    ]:
        assert there_and_back(value, kind) == value


def test_a_set_of_days_comes_back_as_one():
    lesson = Lesson("acme", "leave out", "", days=frozenset({november(12), november(13)}))
    assert there_and_back(lesson) == lesson


@pytest.mark.parametrize("score", ["inf", "-inf"])
def test_an_infinite_score_survives(score):
    assert there_and_back(spike(score=float(score))).score == float(score)


@given(
    st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.floats(allow_nan=False))),
    st.one_of(st.none(), st.floats(allow_nan=False)),
)
def test_any_facts_and_score_come_back_with_their_types(facts, score):
    finding = replace(spike(), facts=facts, score=score)
    back = there_and_back(finding)
    assert back == finding
    assert [type(value) for value in back.facts.values()] == list(map(type, facts.values()))


def test_a_row_written_before_a_field_was_added_can_be_read():
    data = encode(spike())
    del data["lower_bound"]
    assert decode(Finding, data | {"gone": 1}) == spike()


def test_a_row_without_a_needed_field_is_an_error():
    data = encode(spike())
    del data["day"]
    with pytest.raises(KeyError):
        decode(Finding, data)


@dataclass(frozen=True)
class Choice:
    value: str | int


def test_a_choice_of_plain_values_is_kept_as_it_is():
    assert there_and_back(Choice("7")) == Choice("7")
