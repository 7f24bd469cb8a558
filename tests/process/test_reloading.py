"""SIGHUP: the settings are read again, and wrong ones change nothing but are told."""

from __future__ import annotations

import signal

from tests.process.services import FILE, command, running, until
from tests.spendwatch.installations import Installation


def hang_up(service):
    service.process.send_signal(signal.SIGHUP)


def test_fault_6_new_settings_that_are_wrong_are_told_and_the_old_ones_stay(tmp_path):
    place = Installation(tmp_path, FILE)
    with running(place) as service:
        service.wait_for("service_started")
        good = tmp_path / "good.toml"
        good.write_text(FILE)
        place.config.write_text(FILE.replace('time_zone = "UTC"', 'time_zone = "Nowhere"'))
        hang_up(service)
        (problem,) = service.wait_for("settings_refused")["problems"]
        assert "service.time_zone: must be an IANA time zone" in problem
        told = tmp_path / "told.txt"
        until(lambda: told.exists() and "keeps its old settings" in told.read_text())
        hang_up(service)
        service.wait_for("settings_refused")
        assert told.read_text().count("keeps its old settings") == 1
        assert "new settings refused" in command(place, "health", config=good).stdout
        status = command(place, "status", config=good).stdout
        assert "settings   new ones refused, the old ones hold: " in status
        assert "service.time_zone: must be an IANA time zone" in status
        assert service.process.poll() is None
        place.config.write_text(FILE)
        hang_up(service)
        service.wait_for("service_started")
        until(lambda: "refused" not in command(place, "health").stdout)
        assert service.ask_to_end() == 0


def test_new_settings_that_are_right_are_in_force_without_another_process(tmp_path):
    place = Installation(tmp_path, FILE)
    with running(place) as service:
        first = service.wait_for("service_started")
        place.config.write_text(FILE.replace('name = "gateway"', 'name = "other"'))
        hang_up(service)
        assert service.wait_for("service_stopped")["why"] == "the settings are read again"
        second = service.wait_for("service_started")
        assert (first["sources"], second["sources"]) == (["gateway"], ["other"])
        assert first["pid"] == second["pid"] == service.process.pid
        assert service.ask_to_end() == 0
