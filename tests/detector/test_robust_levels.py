"""A level follows quickly, is not carried away by a day, and knows weekdays."""

from __future__ import annotations

import numpy as np
import pytest

from detector.robust.levels import BURN_IN_DAYS, residuals, scale_of, spread_of

DAYS = 62
WEEKDAYS = np.arange(DAYS) % 7


def of(*rows):
    return residuals(np.array(rows, dtype=np.float64), np.arange(len(rows[0])) % 7)


def scale(found):
    return scale_of(spread_of(found))


def test_a_steady_series_lies_at_its_level():
    (found,) = of(np.full(DAYS, 4.6))
    assert np.isnan(found[:BURN_IN_DAYS]).all()
    assert found[BURN_IN_DAYS:] == pytest.approx(0)


def test_a_jump_is_seen_whole_and_moves_the_level_by_a_bounded_step():
    rows = np.zeros(DAYS)
    rows[-2] = 3.0
    (found,) = of(rows)
    assert found[-2] == pytest.approx(3.0, abs=0.01)
    assert -0.3 < found[-1] < 0


def test_a_new_level_is_followed_within_days():
    rows = np.zeros(DAYS)
    rows[30:] = 1.0
    (found,) = of(rows)
    assert found[30] == pytest.approx(1.0, abs=0.1)
    assert abs(found[45]) < 0.05


def test_what_happens_every_week_is_no_deviation():
    pattern = np.where(WEEKDAYS > 4, -1.5, 0.0)
    (found,) = of(pattern)
    assert np.abs(found[-7:]).max() < 0.6 * 1.5
    strange = pattern.copy()
    strange[-1] += 1.5
    (other,) = of(strange)
    assert other[-1] == pytest.approx(found[-1] + 1.5)


def test_days_that_do_not_count_leave_the_level_where_it_was():
    rows = np.zeros(DAYS)
    rows[20:40] = np.nan
    rows[-1] = 2.0
    (found,) = of(rows)
    assert np.isnan(found[20:40]).all()
    assert found[-1] == pytest.approx(2.0)


def test_rows_say_nothing_of_one_another():
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(3, DAYS))
    assert of(*rows)[1] == pytest.approx(of(rows[1])[0], abs=1e-12, nan_ok=True)


def test_a_window_of_less_than_a_week_has_no_profile():
    assert np.isnan(of(np.arange(6.0))).all()


def test_a_series_that_never_counted_has_no_residual():
    assert np.isnan(of(np.full(DAYS, np.nan))).all()


def test_a_spread_is_shrunk_toward_a_common_one():
    chance = np.random.default_rng(3)
    rows = chance.normal(scale=0.2, size=(50, DAYS))
    rows[0, :40] = np.nan
    found = scale(residuals(rows, WEEKDAYS))
    own = 1.2533 * np.abs(residuals(rows, WEEKDAYS)[:, :-1])
    days = (~np.isnan(own)).sum(axis=1)
    wanted = np.sqrt((np.nansum(own, axis=1) ** 2 / days + 4 * 0.75**2) / (days + 4))
    assert found.sd == pytest.approx(wanted)
    assert (found.tail >= found.sd).all()


def test_a_spread_of_nothing_is_the_common_one_and_hundreds_of_days_leave_five_percent():
    assert scale(of(np.full(DAYS, np.nan))).sd.tolist() == [0.75]
    calm = spread_of(of(np.zeros(DAYS)))
    assert scale_of(calm._replace(days=np.array([1_000]))).sd.tolist() == [0.05]


def test_a_tail_that_was_seen_twice_is_no_surprise():
    rows = np.zeros(DAYS)
    rows[[30, 45]] = 3.0
    found = scale(of(rows))
    assert found.tail[0] == pytest.approx(3.0 / 2.2, abs=0.05)
    assert found.sd[0] < 0.4
