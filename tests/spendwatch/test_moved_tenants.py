"""What becomes of open alerts when the settings move or remove their tenant."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from alerts.channels.console import ConsoleChannel
from tests.spendwatch.installations import CONFIG, FIRST, Installation

ONE = timedelta(days=1)
SPIKE = FIRST + 35 * ONE
RECEIVERS = """
[[receivers]]
kind = "console"
name = "acme-team"
digest = "off"
"""
ACME = '[[tenants]]\nid = "acme"\nname = "Acme"\n'
BUDGET = "[[tenants.budgets]]\ncap = 1000\nforecast_thresholds = []\n"
MOVED = ACME.replace("name", 'receiver = "acme-team"\nname')


class Place(Installation):
    """An installation whose settings change; remembers who was told what."""

    def __init__(self, folder, extra):
        super().__init__(folder, CONFIG + RECEIVERS, extra)
        self.write_days(35, 100)
        self.heard = {name: io.StringIO() for name in ("desk", "acme-team")}

    def live(self, day, cost=100, settings=None):
        """Judge a day on which acme spent so much; return the titles that were told, by whom."""
        if settings is not None:
            self.config.write_text(CONFIG + RECEIVERS + settings, encoding="utf-8")
        self.write_day(day, [f"acme,chat,gpt-4o,{cost}"])
        channels = {
            name: ConsoleChannel(told, lambda: self.now) for name, told in self.heard.items()
        }
        self.judge_with(channels, day)
        return {name: self.titles(told) for name, told in self.heard.items()}

    @staticmethod
    def titles(told):
        lines = told.getvalue().splitlines()
        told.seek(0)
        told.truncate()
        return [line.partition("] ")[2] for line in lines if line.startswith("[")]


@pytest.fixture
def place(tmp_path):
    """A spike and a crossed budget of acme, told to desk."""
    place = Place(tmp_path, ACME + BUDGET)
    spiked, crossed = place.live(SPIKE, 900)["desk"]
    assert spiked.startswith("Acme: $900")
    assert crossed.startswith("Acme: 140 % of $1,000 spent")
    return place


def test_fault_7_alerts_of_a_removed_tenants_budget_end_with_one_word_that_says_why(place):
    told = place.live(SPIKE + ONE, settings="")
    assert told["desk"][0] == "acme: resolved, its budget was removed from the settings"
    assert not any("budget" in title for title in place.live(SPIKE + 2 * ONE)["desk"])


def test_fault_7_a_removed_tenant_is_watched_all_the_same_and_its_spike_ends_when_it_is_over(place):
    place.live(SPIKE + ONE, settings="")
    assert place.live(SPIKE + 2 * ONE)["desk"] == ["acme: resolved, spend is normal again"]


def test_fault_7_how_an_alert_of_a_removed_budget_ended_is_still_shown_later(place, capsys):
    place.live(SPIKE + ONE, settings=ACME)
    assert place.run("alerts", "show", "2") == 0
    assert "Acme: resolved, its budget was removed from the settings" in capsys.readouterr().out


def test_the_end_of_an_alert_whose_tenant_moved_is_told_to_both_who_heard_of_it(place):
    reminded = place.live(SPIKE + ONE, settings=MOVED + BUDGET)
    assert reminded["acme-team"][0].startswith("Acme: still unanswered, $900")
    told = place.live(SPIKE + 2 * ONE)
    over = ["Acme: resolved, spend is normal again"]
    assert told == {"desk": over, "acme-team": over}


def test_what_is_new_of_a_tenant_that_moved_goes_to_its_new_receiver(place):
    told = place.live(SPIKE + ONE, 2_500, settings=MOVED + BUDGET)
    assert any(title.startswith("Acme: worse, $2,500") for title in told["acme-team"])
    assert told["desk"] == []
