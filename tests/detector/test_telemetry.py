from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from detector.sources.base import ApiDay, Telemetry, UseByIds
from detector.telemetry import (
    MOST_IDS,
    SourceMark,
    api_days,
    begin_watching,
    move_watermark,
    record_telemetry,
    source_marks,
    source_use,
    uses_by_ids,
)
from spendwatch.db import reading, writing
from tests.detector.ledgers import DAY, LATER, NEXT, NOW, cost, record

API = ApiDay(DAY, "chat", 100, 7, 3, 50, 20, NOW, LATER, "Subscription ID", 91)


def use(who="bu-hr", day=DAY, **changes):
    values = {"model": "gpt-4o", "requests": 2, "prompt_tokens": 100, "cached_tokens": 5, **changes}
    return UseByIds(day, (("subscription", who),), **values)


@pytest.fixture
def put(database):
    def put(*told, whole=(DAY,), source="gateway"):
        apis = [each for each in told if isinstance(each, ApiDay)]
        uses = [each for each in told if isinstance(each, UseByIds)]
        with writing(database) as session:
            record_telemetry(session, source, Telemetry(apis, uses), whole=set(whole))

    return put


def stored(database, read=api_days, source="gateway"):
    with reading(database) as session:
        return list(read(session, DAY, NEXT).get(source, ()))


def test_what_was_told_is_read_as_it_was(database, put):
    put(API, use())
    assert stored(database) == [API]
    assert stored(database, uses_by_ids) == [use()]


def test_a_whole_day_replaces_what_was_kept_of_it_and_no_other_day(database, put):
    put(API, replace(API, day=NEXT), use(), use(day=NEXT), whole=(DAY, NEXT))
    put(replace(API, api="embed", calls=1), use("other"))
    assert stored(database) == [replace(API, api="embed", calls=1), replace(API, day=NEXT)]
    assert {each.ids[0][1] for each in stored(database, uses_by_ids)} == {"other", "bu-hr"}
    put(whole=(DAY, NEXT))
    assert stored(database) + stored(database, uses_by_ids) == []


def test_a_partial_answer_replaces_what_is_kept_only_if_it_tells_as_much(database, put):
    put(API, use(), use("other"))
    put(replace(API, calls=99), use(requests=9), whole=())
    assert [each.calls for each in stored(database)] == [100]
    assert [each.requests for each in stored(database, uses_by_ids)] == [2, 2]
    put(replace(API, calls=101), use(requests=9), whole=())
    assert [each.calls for each in stored(database)] == [101]
    assert [each.requests for each in stored(database, uses_by_ids)] == [9]


def test_fault_19_what_is_told_twice_is_there_once(database, put):
    for _ in range(2):
        put(API, use())
    assert (len(stored(database)), len(stored(database, uses_by_ids))) == (1, 1)


def test_another_source_is_left_alone(database, put):
    put(API, use())
    put(API, use(), source="other")
    put(source="other")
    assert (stored(database), stored(database, source="other")) == ([API], [])


def test_rows_of_the_same_ids_are_summed(database, put):
    put(use(), use(), use("x", cached_tokens=None), use("x"), use("x", stated_micro_usd=7))
    first, second, stated = stored(database, uses_by_ids)
    assert (first.requests, first.cached_tokens) == (4, 10)
    assert (second.prompt_tokens, second.cached_tokens) == (200, 5)
    assert (stated.requests, stated.stated_micro_usd) == (2, 7)


def test_use_with_a_tenant_is_kept_apart_and_read_back(database, put):
    mine = use(attributed=True, stated_micro_usd=12)
    put(use(), mine)
    assert set(stored(database, uses_by_ids)) == {use(), mine}


def test_a_header_that_is_never_twice_the_same_does_not_fill_the_disk(database, put):
    put(*(use(f"{number}", prompt_tokens=number) for number in range(MOST_IDS + 300)))
    found = stored(database, uses_by_ids)
    assert len(found) == MOST_IDS + 1
    rest = next(each for each in found if each.ids[0][0] == "others")
    assert (rest.ids, rest.prompt_tokens) == ((("others", "300"),), sum(range(300)))


def test_what_is_summed_still_names_its_api(database, put):
    many = (use(f"{number}", prompt_tokens=number) for number in range(MOST_IDS + 30))
    put(
        *(replace(each, ids=(*each.ids, ("api", f"api-{each.prompt_tokens % 3}"))) for each in many)
    )
    rest = [each for each in stored(database, uses_by_ids) if each.ids[0][0] == "others"]
    assert [(each.ids[0][1], each.api) for each in rest] == [
        ("10", f"api-{number}") for number in (2, 1, 0)
    ]


@pytest.mark.parametrize("hostile", ["\x00", "\ud800", "x" * 9_000, "'; DROP TABLE pull;--", "数"])
def test_hostile_ids_are_stored_and_read_back(database, put, hostile):
    put(replace(API, api=hostile), use(hostile, model=hostile))
    (found,) = stored(database, uses_by_ids)
    assert len(found.ids[0][1]) <= 300
    assert found.ids[0][1].strip("x") in ("", hostile)
    assert len(stored(database)) == 1


def marks(database):
    with reading(database) as session:
        return source_marks(session)


def test_a_watermark_begins_once_and_never_goes_back(database):
    with writing(database) as session:
        begin_watching(session, "gateway", NOW)
        begin_watching(session, "gateway", LATER)
    assert marks(database) == {"gateway": SourceMark("gateway", NOW)}
    newer = SourceMark("gateway", LATER, LATER, (DAY,), ("one", "one", "two"))
    older = SourceMark("gateway", NOW, None)
    for mark in (newer, older):
        with writing(database) as session:
            move_watermark(session, mark)
    assert marks(database)["gateway"] == SourceMark("gateway", LATER, LATER)


def test_a_watermark_keeps_the_late_days_and_remarks_of_the_newest_pull(database):
    with writing(database) as session:
        begin_watching(session, "gateway", NOW)
        move_watermark(session, SourceMark("gateway", NOW, None, (DAY,), ("one", "one", "数")))
    found = marks(database)["gateway"]
    assert (found.late_days, found.remarks) == ((DAY,), ("one", "数"))


def test_use_is_summed_by_source_with_what_has_no_price(database):
    record(database, [cost(), cost(None, "bolt"), cost(1, "bolt", "search")])
    record(database, [cost(5)], source="other")
    with reading(database) as session:
        found = source_use(session, DAY - timedelta(days=1), DAY)
    assert [(each.source, each.tenant, each.micro_usd, each.unpriced_tokens) for each in found] == [
        ("gateway", "acme", 3_000, 0), ("gateway", "bolt", 0, 1_100),
        ("gateway", "bolt", 1, 0), ("other", "acme", 5, 0),
    ]  # fmt: skip
