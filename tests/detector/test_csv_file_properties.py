"""Whatever a file holds: every row is either in the sums or told, and order does not matter."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from detector.model import Rejection, Usage
from detector.sources.base import Window
from detector.sources.csv_file import CsvFileSource

FIRST = date(2026, 11, 1)
NAMES = ["date", "tenant", "prompt_tokens", "completion_tokens"]
DAYS = st.integers(0, 9).map(lambda number: str(FIRST + timedelta(number)))
TENANTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
ROWS = st.lists(
    st.tuples(DAYS, TENANTS, st.integers(0, 10**15), st.integers(0, 10**6)), max_size=15
)


def read(rows, ends="\n"):
    """Write rows as CSV and read them again."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "usage.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows([NAMES, *rows])
        source = CsvFileSource("files", path, {}, date(2026, 11, 22))
        return list(source.usage(Window()))


def sums(items):
    """Tokens by day and tenant."""
    found = Counter()
    for item in items:
        found[str(item.start_at.date()), item.tenant, "p"] += item.prompt_tokens
        found[str(item.start_at.date()), item.tenant, "c"] += item.completion_tokens
    return found


@given(ROWS, st.sampled_from(["\n", "\r\n"]))
def test_good_rows_add_up_whatever_their_tenants_are_called(rows, ends):
    expected = Counter()
    for day, tenant, prompt, completion in rows:
        expected[day, tenant.strip(), "p"] += prompt
        expected[day, tenant.strip(), "c"] += completion
    items = read(rows, ends)
    assert all(isinstance(item, Usage) for item in items)
    assert sums(items) == expected
    days = [item.start_at for item in items]
    assert days == sorted(days)


@given(st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=6), max_size=20))
def test_rubbish_is_rejected_and_never_raises(rows):
    items = read(rows)
    assert all(isinstance(item, Rejection) and item.where and item.reason for item in items)


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert sums(read(rows)) == sums(read(shuffled))
