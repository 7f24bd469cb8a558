from __future__ import annotations

from collections import defaultdict
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.databases import open_empty
from tests.detector.ledgers import (
    DAY,
    NOW,
    copied,
    cost,
    current,
    first_days,
    record,
    revisions,
    rows,
    source_days,
)

KEYS = [(tenant, feature) for tenant in ("acme", "bolt") for feature in ("chat", "search")]
slices = st.tuples(st.sampled_from(["gateway", "import"]), st.integers(0, 3))
amounts = st.one_of(st.none(), st.integers(-5, 10**6))
contents = st.dictionaries(st.sampled_from(KEYS), amounts, max_size=4)


@st.composite
def pulls(draw):
    """Fixed answers of some slices, pulled in any order and some of them again and again."""
    answers = draw(st.dictionaries(slices, st.tuples(contents, st.booleans()), min_size=1))
    order = draw(st.permutations(sorted(answers)))
    more = draw(st.lists(st.sampled_from(sorted(answers)), max_size=6))
    return answers, draw(st.permutations([*order, *more]))


@st.composite
def changing(draw):
    """Whole answers of some slices that change from pull to pull, interleaved in any order."""
    order = draw(st.lists(slices, min_size=1, max_size=12))
    return [(part, draw(contents)) for part in order]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The file of an empty database, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "empty.db"
    open_empty(f"sqlite:///{path}").dispose()
    return path


def pull(engine, part, content, *, whole=True, step=0):
    source, number = part
    day = DAY + timedelta(days=number)
    costs = [cost(amount, *key, day=day) for key, amount in content.items()]
    now = NOW + timedelta(minutes=step)
    return record(engine, costs, day=day, source=source, whole=whole, now=now)


def states(engine):
    return {key: (row.rows, row.whole) for key, row in source_days(engine).items()}


@settings(max_examples=40)
@given(pulls())
def test_slices_pulled_in_any_order_and_repetition_give_the_same_ledger(empty, case):
    answers, order = case
    with copied(empty) as undisturbed, copied(empty) as disturbed:
        for part in sorted(answers):
            pull(undisturbed, part, answers[part][0], whole=answers[part][1])
        for part in order:
            pull(disturbed, part, answers[part][0], whole=answers[part][1])

        assert current(disturbed) == current(undisturbed)
        assert first_days(disturbed) == first_days(undisturbed)
        assert states(disturbed) == states(undisturbed)
        assert all(row.version == 1 for row in rows(disturbed).values())


@settings(max_examples=40)
@given(changing())
def test_the_last_answer_of_each_slice_is_what_counts(empty, order):
    last, told = {}, defaultdict(set)
    with copied(empty) as engine:
        for step, (part, content) in enumerate(order):
            pull(engine, part, content, step=step)
            last[part] = content
            told[part] |= content.keys()

        wanted = {(part, key): last[part].get(key, 0) for part in last for key in told[part]}
        found = {((source, (day - DAY).days), (tenant, feature)): values[0]
                 for (source, tenant, feature, day), values in current(engine).items()}  # fmt: skip
        assert found == wanted


@settings(max_examples=40)
@given(changing())
def test_a_version_is_written_for_a_change_and_for_nothing_else(empty, order):
    with copied(empty) as engine:
        written = 0
        for step, (part, content) in enumerate(order):
            before = current(engine)
            recorded = pull(engine, part, content, step=step)
            after = current(engine)
            changed = sum(after[key] != before.get(key) for key in after)
            assert recorded.added + recorded.revised + recorded.zeroed == changed
            written += changed
        stored = rows(engine).values()
        assert sum(row.version for row in stored) == written
        assert len(revisions(engine)) == written - len(stored)
