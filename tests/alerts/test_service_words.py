from __future__ import annotations

from alerts.service_words import refused_settings_message, unclean_stop_message


def test_fault_6_the_first_problems_of_refused_settings_are_told_and_the_rest_counted():
    few = refused_settings_message(["config.toml:3: service.time_zone: must be an IANA name"])
    assert few.title == "spendwatch keeps its old settings: the new ones are refused"
    assert [line.label for line in few.lines] == ["Wrong"]
    many = refused_settings_message([f"problem {number}" for number in range(8)])
    assert [line.text for line in many.lines][-2:] == ["problem 4", "3 other problems"]


def test_after_an_unclean_stop_it_says_since_when_until_when_and_what_is_late():
    both = unclean_stop_message("13 Nov 06:10", "13 Nov 09:30", "3 h 20 min", 2, 1)
    assert both.title.startswith("spendwatch was gone for 3 h 20 min, and is back")
    assert both.lines[-1].text == "it catches up: 2 days judged late, 1 message sent late"
    short = unclean_stop_message("13 Nov 06:10", "13 Nov 06:10", "under a minute", 0, 0)
    assert short.lines[-1].text == "nothing was missed"
