from __future__ import annotations

from alerts.service_words import refused_settings_message


def test_fault_6_the_first_problems_of_refused_settings_are_told_and_the_rest_counted():
    few = refused_settings_message(["config.toml:3: service.time_zone: must be an IANA name"])
    assert few.title == "spendwatch keeps its old settings: the new ones are refused"
    assert [line.label for line in few.lines] == ["Wrong"]
    many = refused_settings_message([f"problem {number}" for number in range(8)])
    assert [line.text for line in many.lines][-2:] == ["problem 4", "3 other problems"]
