from __future__ import annotations

from datetime import UTC, datetime

import pytest

from detector.model import FindingKind
from spendwatch.settings_types import as_utc, finding_kind, moment
from tests.spendwatch.config_files import BUDGET, load, problems


@pytest.mark.parametrize(
    ("written", "micro"),
    [('"12.345678"', 12_345_678), ("0", 0), ("250", 250_000_000), ('"0.000001"', 1)],
)
def test_money_is_exact_to_the_micro_dollar(tmp_path, written, micro):
    settings = load(tmp_path, f"{BUDGET}cap = {written}")
    assert settings.tenants[0].budgets[0].cap_micro == micro


@pytest.mark.parametrize(
    "written",
    ["12.5", '"-1"', "-1", '"1,000"', '"1e3"', '"0.0000001"', "true", '"NaN"', '"$5"', "[]"],
)
def test_money_that_is_not_exact_or_not_an_amount_is_refused(tmp_path, written):
    (problem,) = problems(tmp_path, f"{BUDGET}cap = {written}")
    assert problem.startswith("config.toml:4: tenants[0].budgets[0].cap: must be an amount such")


def test_a_giant_number_is_refused_without_being_written_out(tmp_path):
    (problem,) = problems(tmp_path, f"{BUDGET}cap = 0x{'f' * 5000}")
    assert "not a number of more than 18 digits" in problem


def test_fault_41_a_cap_of_zero_and_no_cap_differ(tmp_path):
    text = f'{BUDGET}cap = 0\n[[tenants.budgets]]\nfeature = "a"\ncap = "none"\n'
    text += '[[tenants.budgets]]\nfeature = "b"\n'
    budgets = load(tmp_path, text).tenants[0].budgets
    assert [budget.cap_micro for budget in budgets] == [0, None, None]


@pytest.mark.parametrize(
    ("key", "value", "accepted"),
    [
        ("z", "0", "a number above 0 and up to 100"),
        ("z", "-1", "a number above 0 and up to 100"),
        ("z", "nan", "a number above 0 and up to 100"),
        ("z", "inf", "a number above 0 and up to 100"),
        ("z", "true", "a number above 0 and up to 100"),
        ("z", "'three'", "a number above 0 and up to 100"),
        ("z", "0x" + "f" * 2000, "a number above 0 and up to 100"),
        ("window_days", "6", "a whole number from 7 to 180"),
        ("window_days", "30.5", "a whole number from 7 to 180"),
        ("window_days", "true", "a whole number from 7 to 180"),
        ("min_excess_percent", "nan", "a number from 0 to 10000"),
        ("unattributed_percent", "0", "a number above 0 and up to 100"),
    ],
)
def test_fault_4_a_threshold_out_of_range_is_refused_with_its_range(tmp_path, key, value, accepted):
    found = problems(tmp_path, f"[detection]\n{key} = {value}\n")
    assert any(f"detection.{key}: must be {accepted}, not" in problem for problem in found)


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "Europe", "UTC ", "a\u0000b"])
def test_fault_5_an_unknown_time_zone_is_refused(tmp_path, zone):
    (problem,) = problems(tmp_path, "", {"SPENDWATCH_SERVICE__TIME_ZONE": zone})
    assert "must be an IANA time zone such as Europe/Berlin or UTC, not" in problem


def test_fault_5_the_nearest_time_zone_is_named_once(tmp_path):
    text = '[service]\ntime_zone = "europe/berlin"\n[[tenants]]\nid = "a"\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("config.toml:2: service.time_zone: ")
    assert problem.endswith("did you mean Europe/Berlin?")
    (number,) = problems(tmp_path, "[service]\ntime_zone = 5\n")
    assert number.endswith("not 5")


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-11-25T09:00", "2026-11-25T08:00"),
        ("2026-11-25T09:00-05:00", "2026-11-25T14:00"),
        (datetime(2026, 11, 25, 9, tzinfo=UTC), "2026-11-25T09:00"),
        (datetime(2026, 11, 25).date(), "2026-11-24T23:00"),  # noqa: DTZ001 - as TOML gives it
    ],
)
def test_a_moment_without_an_offset_is_in_the_services_zone(written, utc):
    assert as_utc(moment(written), "Europe/Berlin").isoformat()[:16] == utc


def test_fault_83_a_moment_the_clocks_leave_out_is_later_and_of_two_it_is_the_first():
    assert (
        as_utc(moment("2027-03-28T02:30"), "Europe/Berlin").isoformat()[:16] == "2027-03-28T01:30"
    )
    assert (
        as_utc(moment("2026-10-25T02:30"), "Europe/Berlin").isoformat()[:16] == "2026-10-25T00:30"
    )


@pytest.mark.parametrize("written", ["spend spike", "Spend-Spike", " spend_spike "])
def test_a_kind_may_be_written_with_a_hyphen(written):
    assert finding_kind(written) is FindingKind.SPEND_SPIKE
