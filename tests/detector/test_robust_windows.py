from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from detector.robust.windows import TO_SD, deviations, median

ROWS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 5), st.integers(0, 9)),
    elements=st.just(np.nan) | st.floats(-1e9, 1e9),
)


@given(ROWS)
def test_the_median_is_that_of_what_counts(rows):
    for row, found in zip(rows, median(rows), strict=True):
        known = row[~np.isnan(row)]
        assert found == pytest.approx(np.median(known)) if known.size else np.isnan(found)


@given(ROWS)
def test_deviations_are_those_from_the_median(rows):
    found = deviations(rows)
    for index, row in enumerate(rows):
        known = row[~np.isnan(row)]
        assert found.days[index] == known.size
        apart = np.sort(np.abs(known - np.median(known))) if known.size else np.zeros(1)
        assert found.spread[index] == pytest.approx(TO_SD * np.median(apart))
        assert found.second[index] == pytest.approx(apart[-2] if known.size > 1 else 0)
