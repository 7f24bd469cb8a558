"""What in the settings is not wrong and still worth a look."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from spendwatch.settings_warnings import find_warnings
from tests.spendwatch.azure_settings import CLASSIC, LOGS, METRICS
from tests.spendwatch.config_files import RATE, load

NOW = datetime(2026, 11, 13, 6, tzinfo=UTC)
ACME = '[[tenants]]\nid = "acme"\naliases = ["acme-prod"]\ntime_zone = "Pacific/Auckland"\n'


def warned(tmp_path, text, now=NOW):
    """Give the places and words of the warnings."""
    found = find_warnings(load(tmp_path, ACME + text), now)
    return [(problem.key, problem.text) for problem in found]


def silence(matcher='tenant = "acme"', until="2026-11-30"):
    return f'[[silences]]\n{matcher}\nuntil = {until}\ncomment = "x"\n'


def plan(last, tenant="acme"):
    return (
        f'[[planned_events]]\ntenant = "{tenant}"\nfirst_day = 2026-09-01\nlast_day = {last}\n'
        'ceiling = 500\ncomment = "x"\n'
    )


def test_settings_in_which_nothing_is_left_over_or_unknown_give_no_warning(tmp_path):
    assert warned(tmp_path, silence() + plan("2026-11-13")) == []


def test_a_silence_that_is_over_is_to_be_removed(tmp_path):
    zone = '[service]\ntime_zone = "Europe/Berlin"\n'
    text = zone + silence() + silence(until="2026-11-13T07:00:00")
    assert warned(tmp_path, text) == [
        (
            ("silences", 1),
            "is over since 13 Nov 2026 07:00 in Europe/Berlin (13 Nov 06:00 UTC): remove it",
        )
    ]
    assert warned(tmp_path, silence(until="2026-11-13T06:00:01")) == []


def test_a_plan_is_to_be_removed_once_no_baseline_holds_its_days(tmp_path):
    window = "[detection]\nwindow_days = 7\nmin_days = 7\n"
    needed, left_over = plan("2026-10-31"), plan("2026-10-30")
    at_noon = NOW.replace(hour=12)  # the 14th in Auckland
    assert warned(tmp_path, window + left_over, NOW) == []
    assert warned(tmp_path, window + needed + left_over, at_noon) == [
        (
            ("planned_events", 1),
            "is over since Fri 30 Oct 2026, and no baseline holds its days any more: remove it",
        )
    ]


@pytest.mark.parametrize("known", ["acme", "ACME ", "acme-prod", "ac*", "n/a"])
def test_a_matcher_that_fits_a_tenant_of_the_settings_is_no_matter(tmp_path, known):
    assert warned(tmp_path, silence(f'tenant = "{known}"')) == []


def test_a_silence_that_names_no_tenant_is_no_matter(tmp_path):
    assert warned(tmp_path, silence('kind = "spend spike"')) == []


def test_whoever_the_settings_do_not_know_is_named_with_the_nearest_one_they_do(tmp_path):
    rate = f'{RATE}tenant = "zz"\n{RATE}deployment = "d"\n'
    text = silence('tenant = "acmee"') + plan("2026-11-13", "Acnne") + rate
    words = (
        "no tenant in these settings fits {}: it is for nobody, unless usage names such a tenant"
    )
    near = f"{words}; did you mean acme?"
    assert warned(tmp_path, text) == [
        (("silences", 0, "tenant"), near.format("'acmee'")),
        (("planned_events", 0, "tenant"), near.format("'acnne'")),
        (("prices", "rates", 0, "tenant"), words.format("'zz'")),
    ]


def test_a_client_secret_that_nobody_uses_is_named(tmp_path):
    environ = {"SPENDWATCH_AZURE__CLIENT_SECRET": "hunter2"}
    (found,) = find_warnings(load(tmp_path, "", environ), NOW)
    assert found.key == ("azure", "credential")
    assert found.text.startswith("is 'default', so SPENDWATCH_AZURE__CLIENT_SECRET is not used")
    assert "hunter2" not in found.text


def test_a_carrier_for_which_nothing_is_left_is_named(tmp_path):
    line = """tenant = [
      { carrier = "subscription", ids = { a = "b" } },
      { carrier = "subscription" },
      { carrier = "subscription", file = "x.csv" },
      { carrier = "product" },
    ]
    """
    (found,) = find_warnings(load(tmp_path, LOGS + line), NOW)
    assert found.key == ("sources", 0, "tenant", 2)
    assert found.text == (
        "is never asked: tenant[1] takes every id there is; write it before that one"
    )


def test_logs_and_metrics_of_one_workspace_may_be_the_same_calls(tmp_path):
    (found,) = find_warnings(load(tmp_path, LOGS + METRICS), NOW)
    assert found.key == ("sources", 1)
    assert "has its metrics where sources[0] has its logs" in found.text
    assert find_warnings(load(tmp_path, LOGS + CLASSIC), NOW) == []


def test_a_pattern_is_compared_with_ids_and_not_with_aliases(tmp_path):
    ((key, words),) = warned(tmp_path, silence('tenant = "acme-p*"'))
    assert key == ("silences", 0, "tenant")
    assert "no tenant in these settings fits 'acme-p*'" in words
