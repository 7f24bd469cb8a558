from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.numbers import count, day_list, exact_money, moment, money, percent, short_day, times
from detector.model import MICRO
from tests.builders import NOW, november


@pytest.mark.parametrize(
    ("dollars", "text"),
    [
        ("1284", "$1,284"),
        ("1284.5", "$1,284"),
        ("1285.5", "$1,286"),
        ("99.994", "$99.99"),
        ("99.996", "$100"),
        ("100.4", "$100"),
        ("12.4", "$12.40"),
        ("0.03", "$0.03"),
        ("0.004", "under $0.01"),
        ("-0.004", "under $0.01"),
        ("0", "$0"),
        ("60", "$60"),
        ("-120", "-$120"),
        ("1234567.89", "$1,234,568"),
    ],
)
def test_money_is_written_as_people_write_it(dollars, text):
    assert money(round(float(dollars) * MICRO)) == text


@pytest.mark.parametrize(
    ("micro_usd", "text"),
    [
        (650_500_000, "$650.50"),
        (1_250_250_000, "$1,250.25"),
        (9_000_000_000, "$9,000"),
        (100_004_000, "$100"),
        (400, "under $0.01"),
    ],
)
def test_an_amount_that_a_person_set_keeps_its_cents(micro_usd, text):
    assert exact_money(micro_usd) == text


def test_a_sign_is_written_where_it_is_asked_for():
    assert [money(each * MICRO, signed=True) for each in (953, -953, 0)] == ["+$953", "-$953", "$0"]


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_money_is_never_off_by_more_than_its_last_digit(micro_usd):
    text = money(micro_usd)
    read = 0.0 if text.startswith("under") else float(text.replace("$", "").replace(",", ""))
    assert abs(read - micro_usd / MICRO) <= (0.51 if abs(micro_usd) >= 99 * MICRO else 0.0051)


@pytest.mark.parametrize(
    ("actual", "text"), [(3.88, "3.9x"), (4, "4x"), (9.96, "10x"), (1500, "1,500x"), (0.5, "0.5x")]
)
def test_a_ratio_has_a_decimal_only_where_it_matters(actual, text):
    assert times(round(actual * 100), 100) == text


def test_a_ratio_to_nothing_or_less_is_not_written():
    assert times(5, 0) == times(5, -1) == ""


@pytest.mark.parametrize(
    ("share", "text"), [(0.82, "82 %"), (0.083, "8.3 %"), (1.13, "113 %"), (0.0004, "under 0.1 %")]
)
def test_a_share_is_written_in_percent(share, text):
    assert percent(share) == text


def test_a_share_of_nothing_is_not_written():
    assert percent(5, 0) == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 rows"), (1, "1 row"), (999_999, "999,999 rows"), (2_000_000, "2 million rows")],
)
def test_things_are_counted_in_words_from_a_million(number, text):
    assert count(number, "row") == text


def test_days_are_listed_as_a_sentence_would():
    assert day_list([]) == ""
    assert day_list([november(12)]) == "12 Nov"
    assert day_list([november(12), november(13), november(14)]) == "12 to 14 Nov"
    assert day_list([november(12), november(14), november(20)]) == "12, 14 and 20 Nov"
    across = [november(30, 10), november(31, 10), november(1)]
    assert day_list(across) == "30 Oct to 1 Nov"


def test_fault_112_months_are_english_whatever_the_locale():
    assert short_day(november(1, 5)) == "1 May"
    assert moment(NOW) == "13 Nov 06:10 UTC"
