from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.sources.base import SourceError
from spendwatch.db_upgrade import open_database
from tests.detector.ledgers import current, first_days, rows, source_days
from tests.spendwatch.apps import DAY, ONE, an_app, slot, tenant, told, used

ZONES = tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/New_York")
TENANTS = ["acme", "Acme", "bolt", "corp"]
numbers = st.fixed_dictionaries(
    {
        "prompt_tokens": st.integers(0, 10**6),
        "completion_tokens": st.integers(0, 10**6),
        "cached_tokens": st.sampled_from([0, None]),
        "cost_micro_usd": st.sampled_from([None, None, 77]),
        "model": st.sampled_from(["gpt-4o", "novel"]),
    }
).map(lambda values: values | {"feature": f"{values['model']} chat"})
tokens = st.tuples(st.sampled_from(TENANTS), numbers)
days = st.integers(0, 3)


@st.composite
def by_day(draw):
    """Use of four days told as whole days."""
    drawn = draw(st.lists(st.tuples(days, tokens), max_size=10))
    return [(day, used(DAY + day * ONE, who, **values)) for day, (who, values) in drawn]


@st.composite
def by_slot(draw):
    """Use of four UTC days told in quarters of an hour, on each day at least some."""
    drawn = draw(st.lists(st.tuples(days, st.integers(0, 95), tokens), max_size=8))
    drawn += [(day, 0, ("corp", draw(numbers))) for day in range(4)]
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    return [
        (day, slot(midnight + day * ONE + timedelta(minutes=15) * quarter, who, **values))
        for day, quarter, (who, values) in drawn
    ]


usage = st.one_of(by_day(), by_slot())
orders = st.tuples(st.permutations(range(4)), st.lists(days, max_size=3)).flatmap(
    lambda parts: st.permutations([*parts[0], *parts[1]])
)


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A service whose empty database is copied for every case."""
    app = an_app(tmp_path_factory.mktemp("service"), ZONES)
    app.engine.dispose()
    return app


@contextmanager
def fresh(template):
    with TemporaryDirectory() as folder:
        path = shutil.copy(template.engine.url.database, folder)
        app = replace(template, engine=open_database(f"sqlite:///{path}"))
        try:
            yield app
        finally:
            app.engine.dispose()


def tell(app, usage, *numbers, **source):
    """Pull some of the days in one answer."""
    told_rows = [row for day, row in usage if day in numbers]
    span = (DAY + min(numbers) * ONE, DAY + max(numbers) * ONE)
    told(app, *told_rows, span=span, **source)


def ledger_of(app):
    wholes = {day: (row.rows, row.whole) for (_, day), row in source_days(app.engine).items()}
    return current(app.engine), first_days(app.engine), wholes


@settings(max_examples=30)
@given(usage, orders)
def test_days_pulled_in_any_order_and_repetition_give_the_same_ledger(template, usage, order):
    with fresh(template) as undisturbed, fresh(template) as disturbed:
        tell(undisturbed, usage, *range(4))
        for day in order:
            tell(disturbed, usage, day)
        assert ledger_of(disturbed) == ledger_of(undisturbed)


@settings(max_examples=30)
@given(usage, st.lists(days, min_size=1, max_size=3))
def test_a_repeated_pull_writes_no_version(template, usage, again):
    with fresh(template) as app:
        tell(app, usage, *range(4))
        before = rows(app.engine)
        for day in again:
            tell(app, usage, day)
        assert rows(app.engine) == before


@settings(max_examples=30)
@given(usage, st.data())
def test_a_pull_that_failed_anywhere_is_mended_by_the_next_one(template, usage, data):
    fails_after = data.draw(st.integers(0, max(0, len(usage) - 1)))
    with fresh(template) as undisturbed, fresh(template) as disturbed:
        tell(undisturbed, usage, *range(4))
        if usage:
            with pytest.raises(SourceError):
                tell(disturbed, usage, *range(4), fails_after=fails_after)
        tell(disturbed, usage, *range(4))
        assert ledger_of(disturbed) == ledger_of(undisturbed)


@settings(max_examples=30)
@given(usage, usage)
def test_what_a_source_told_last_is_all_that_counts(template, before, after):
    with fresh(template) as undisturbed, fresh(template) as revised:
        tell(undisturbed, after, *range(4))
        if {row.grain for _, row in before} == {row.grain for _, row in after}:
            tell(revised, before, *range(4))
        tell(revised, after, *range(4))
        wanted, found = current(undisturbed.engine), current(revised.engine)
        gone = found.keys() - wanted.keys()
        assert {key: found[key] for key in wanted} == wanted
        assert {found[key][:2] for key in gone} <= {(0, 0)}
