from __future__ import annotations

from datetime import timedelta

import pytest

from detector import ledger
from detector.model import CostDay, Rejection, SeriesKey
from detector.price_usage import price_usage
from detector.sources.base import SourceError, Window
from detector.sources.csv_file import CsvFileSource
from spendwatch import ingest
from spendwatch.db import reading
from spendwatch.ingest import pull
from tests.detector.ledgers import current, only, revisions, rows, source_days
from tests.fakes import Crash
from tests.spendwatch.apps import (
    DAY,
    NOW,
    ONE,
    DyingSource,
    FakeSource,
    an_app,
    costs,
    hours,
    price,
    pulls,
    rejected_rows,
    requests,
    table,
    tenant,
    told,
    used,
    wholes,
)

ACME = ("gateway", "acme", "chat", DAY)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def app(tmp_path):
    return an_app(tmp_path)


def names(app):
    with reading(app.engine) as session:
        return ledger.display_names(session)


def csv(app, path, text, **pulled):
    path.write_text(text, encoding="utf-8")
    source = CsvFileSource("import", path, {}, app.clock().date())
    return pull(app, source, Window(), **pulled)


def rejection(line=2):
    return Rejection("gateway", f"a.csv:{line}", "tokens are negative", "acme,-5")


# What is recorded


def test_usage_is_priced_and_recorded(app):
    report = told(app, used(), used(DAY + ONE, "bolt", prompt_tokens=2_000, cached_tokens=500))

    assert costs(app) == {("acme", 0): 3_000, ("bolt", 1): 4_500}
    assert (report.rows, report.added, report.days) == (2, 2, {DAY, DAY + ONE})


def test_every_day_is_told_as_it_is_committed(app):
    heard = []
    source = FakeSource(used(), used(who="bolt"), used(DAY + ONE))
    pull(app, source, Window(), on_day=lambda day, count: heard.append((day, count, costs(app))))
    assert [(day, count, len(found)) for day, count, found in heard] == [
        (DAY, 2, 2), (DAY + ONE, 1, 3),
    ]  # fmt: skip


def test_fault_10_use_without_a_price_has_an_unknown_cost_and_never_0(app):
    report = told(app, used(model="novel"), used(model="", deployment="blue", feature="search"))
    stored = rows(app.engine)
    assert {row.micro_usd for row in stored.values()} == {None}
    assert {row.prompt_tokens for row in stored.values()} == {1_000}
    assert report.unpriced_models == {"novel", "blue"}


def test_a_stated_cost_is_kept_with_its_tokens(app):
    told(app, used(cost_micro_usd=42))
    row = only(rows(app.engine))
    assert (row.micro_usd, row.given, row.prompt_tokens) == (42, True, 1_000)


def test_repricing_an_import_takes_the_price_table_instead_of_the_stated_cost(app):
    pull(app, FakeSource(used(cost_micro_usd=42)), Window(), reprice=True)
    row = only(rows(app.engine))
    assert (row.micro_usd, row.given) == (3_000, False)


def test_rows_with_and_without_a_cost_of_their_own_join_to_one(app):
    told(app, used(cost_micro_usd=42, estimated=True), used())
    row = only(rows(app.engine))
    assert (row.micro_usd, row.prompt_tokens, row.requests) == (3_042, 2_000, 6)
    assert (row.given, row.estimated) == (True, True)


def test_joined_rows_priced_by_our_table_alone_are_not_called_stated(app):
    source = FakeSource(used(cost_micro_usd=42), used())
    pull(app, source, Window(), reprice=True)
    row = only(rows(app.engine))
    assert (row.micro_usd, row.given) == (6_000, False)


def test_fault_10_a_stated_cost_and_an_unknown_one_join_to_an_unknown_one(app):
    told(app, used(model="novel", cost_micro_usd=42), used(model="novel", cached_tokens=None))
    row = only(rows(app.engine))
    assert (row.micro_usd, row.cached_tokens, row.prompt_tokens) == (None, None, 2_000)


def test_the_flags_of_a_joined_cost_are_those_of_either_part():
    usage = [used(scope="ptu"), used(scope="ptu", cost_micro_usd=5, cached_tokens=None)]
    (joined,) = price_usage(table(price()), DAY, usage)
    key = SeriesKey("acme", "chat", "gpt-4o", scope="ptu")
    assert joined == CostDay(DAY, key, 3_005, 6, 0, 2_000, 200, None, shadow=True, given=True)


def test_agreed_rates_are_found_under_the_name_a_tenant_goes_by_now(tmp_path):
    agreed = price(rates={"input": "1", "output": "1"}, tenant="acme")
    prices = table(price(), agreed=[agreed])
    app = an_app(tmp_path, tenant("acme", aliases=("acme gmbh",)), prices=prices)
    told(app, used(who="ACME GmbH"), used(who="bolt"))
    assert costs(app) == {("acme gmbh", 0): 1_100, ("bolt", 0): 3_000}


# Whose it is


def test_fault_32_two_spellings_of_one_tenant_are_one_and_the_first_is_shown(app):
    told(app, used(who="Contoso"), used(who="  CONTOSO "), used(who="contoso"))
    assert requests(app) == {("contoso", 0): 9}
    assert names(app) == {"contoso": "Contoso"}


def test_fault_32_a_later_spelling_does_not_rename_a_tenant(app):
    told(app, used(who="Contoso"))
    told(app, used(who="CONTOSO"), used(DAY + ONE, "CONTOSO"))
    assert names(app) == {"contoso": "Contoso"}


def test_fault_29_use_without_a_tenant_is_unattributed_and_has_no_name(app):
    told(app, used(who=""), used(who="\u200b"), used(who="Unattributed"))
    assert requests(app) == {("unattributed", 0): 9}
    assert names(app) == {}


def test_a_tenant_that_another_process_named_meanwhile_keeps_that_name(app):
    class Slow(FakeSource):
        def usage(self, window):
            told(app, used(who="Acme"), name="import")
            yield from super().usage(window)

    pull(app, Slow(used(who="ACME"), used(DAY + ONE, "Bolt")), Window())
    assert names(app) == {"acme": "Acme", "bolt": "Bolt"}


def test_fault_30_an_alias_keeps_what_it_used_under_its_own_name(tmp_path):
    app = an_app(tmp_path, tenant("acme", aliases=("acme gmbh",)))
    told(app, used(DAY - ONE, "Acme GmbH"), used())
    assert costs(app) == {("acme gmbh", -1): 3_000, ("acme", 0): 3_000}
    with reading(app.engine) as session:
        canonical = app.directory.canonical
        history = ledger.history(session, DAY - ONE, DAY, canonical=canonical)
    assert history.cost.tolist() == [[3_000, 3_000]]


# Again and again


def test_fault_19_a_repeated_pull_writes_nothing(app):
    rows_told = (used(), used(who="bolt"), *hours(DAY + ONE, "corp"))
    told(app, *rows_told)
    before = rows(app.engine)
    app.clock.move(timedelta(hours=1))
    report = told(app, *rows_told)

    assert (report.added, report.revised, report.zeroed) == (0, 0, 0)
    assert rows(app.engine) == before
    noted = source_days(app.engine)["gateway", DAY]
    assert (noted.changed_at, noted.pulled_at) == (NOW, LATER)


def test_fault_19_importing_a_file_twice_doubles_not_a_cent(app, tmp_path):
    text = f"date,tenant,cost_usd\n{DAY},acme,1.25\n{DAY},Acme,0.75\n{DAY - ONE},acme,0.000001\n"
    for _ in range(2):
        csv(app, tmp_path / "usage.csv", text)
    assert costs(app) == {("acme", -1): 1, ("acme", 0): 2_000_000}
    assert {row.version for row in rows(app.engine).values()} == {1}


def test_fault_22_late_rows_make_a_new_version(app):
    told(app, used())
    report = told(app, used(prompt_tokens=2_000))
    assert (report.revised, only(rows(app.engine)).version) == (1, 2)
    assert [row.micro_usd for row in revisions(app.engine)] == [3_000]


def test_a_whole_answer_removes_what_it_no_longer_tells(app):
    told(app, used(), used(who="bolt"))
    report = told(app, used())
    assert (report.zeroed, costs(app)) == (1, {("acme", 0): 3_000, ("bolt", 0): 0})


def test_fault_25_a_partial_answer_removes_nothing(app):
    told(app, used(), used(who="bolt"), used(DAY + ONE))
    told(app, used(DAY + ONE, "corp"), partial=[DAY, DAY + ONE], span=(DAY, DAY + ONE))
    assert set(costs(app).values()) == {3_000}
    assert wholes(app) == {0: False, 1: False}


def test_a_day_inside_the_answer_without_a_row_is_known_to_be_empty(app):
    app.clock.move(3 * ONE)
    told(app, used(), used(DAY + ONE), used(DAY + 2 * ONE))
    told(app, used(), used(DAY + 2 * ONE))
    assert costs(app) == {("acme", 0): 3_000, ("acme", 1): 0, ("acme", 2): 3_000}


def test_fault_23_an_empty_answer_removes_nothing_and_is_noted_for_new_days_alone(app):
    told(app, used())
    app.clock.move(ONE)
    told(app, window=Window(DAY, DAY + 2 * ONE))

    assert costs(app) == {("acme", 0): 3_000}
    noted = {day: (row.rows, row.pulled_at) for (_, day), row in source_days(app.engine).items()}
    assert noted == {DAY: (1, NOW), DAY + ONE: (0, NOW + ONE)}  # the day after still runs


def test_a_source_that_vouches_for_an_empty_window_is_believed(app):
    told(app, used())
    told(app, window=Window(DAY, DAY), span=(DAY, DAY))
    assert costs(app) == {("acme", 0): 0}


def test_days_outside_the_window_are_left_alone(app):
    source = FakeSource(used(DAY - ONE), used(), used(DAY + ONE))
    report = pull(app, source, Window(DAY, DAY))
    assert (costs(app), report.rows) == ({("acme", 0): 3_000}, 1)


def test_whole_days_outside_the_window_are_not_taken_although_it_was_asked_for_more(tmp_path):
    app = an_app(tmp_path, tenant("acme", "Asia/Tokyo") + tenant("bolt", "America/New_York"))
    source = FakeSource(used(DAY - ONE), used(), used(DAY + ONE))
    report = pull(app, source, Window(DAY, DAY))
    assert source.asked == [Window(DAY - ONE, DAY + ONE)]
    assert (costs(app), report.rows) == ({("acme", 0): 3_000}, 1)
    assert wholes(app) == {0: True}


# What goes wrong


def test_rows_out_of_the_order_of_their_days_are_refused(app):
    source = FakeSource()
    source.rows = [used(), used(DAY + ONE), used(who="bolt")]
    words = f"{DAY} 00:00 after that of {DAY + ONE} 00:00.* order of their start"
    with pytest.raises(SourceError, match=words):
        pull(app, source, Window())
    assert costs(app) == {("acme", 0): 3_000}


def test_fault_16_what_was_refused_is_kept_with_its_place_and_reason(app):
    remark = Rejection("gateway", "a.csv:9", "the total differs", "acme,5,6,12", kept=True)
    report = told(app, rejection(), used(), remark)
    assert (report.rejected, report.kept, report.rows) == (1, 1, 1)
    found = [(row.place, row.reason, row.text, row.kept) for row in rejected_rows(app)]
    assert found == [
        ("a.csv:2", "tokens are negative", "acme,-5", False),
        ("a.csv:9", "the total differs", "acme,5,6,12", True),
    ]
    (noted,) = pulls(app)
    assert (noted.rows, noted.rejected, noted.kept, noted.id) == (
        1,
        1,
        1,
        rejected_rows(app)[0].pull_id,
    )


def test_what_was_refused_is_kept_even_where_the_pull_fails(app):
    with pytest.raises(SourceError, match="connection was closed"):
        told(app, rejection(), used(), used(DAY + ONE), fails_after=2)
    assert [row.place for row in rejected_rows(app)] == ["a.csv:2"]


def test_very_many_refused_rows_are_kept_a_part_at_a_time(app):
    refused = [rejection(line) for line in range(ingest.REJECTIONS_AT_ONCE + 1)]
    kept_early = []

    class Watched(FakeSource):
        def usage(self, window):
            yield from super().usage(window)
            kept_early.append(len(rejected_rows(app)))

    assert pull(app, Watched(*refused), Window()).rejected == len(refused)
    assert kept_early == [ingest.REJECTIONS_AT_ONCE]
    assert len(rejected_rows(app)) == len(refused)


def test_a_failing_source_leaves_its_error_and_whole_days_behind(app):
    with pytest.raises(SourceError):
        told(app, used(), used(DAY + ONE), used(DAY + ONE, "bolt"), fails_after=2,
             window=Window(DAY, DAY + ONE))  # fmt: skip
    assert costs(app) == {("acme", 0): 3_000}
    (noted,) = pulls(app)
    assert (noted.error, noted.ended_at, noted.rows) == ("the connection was closed", NOW, 2)
    assert (noted.first_day, noted.last_day) == (DAY, DAY + ONE)


def test_a_source_that_fails_at_once_leaves_its_error_behind(app):
    with pytest.raises(SourceError):
        told(app, used(), fails_after=0)
    (noted,) = pulls(app)
    assert (noted.error, noted.first_day) == ("the connection was closed", None)
    assert source_days(app.engine) == {}


def test_a_successful_pull_notes_its_rows_and_days(app):
    told(app, used(), used(DAY + ONE))
    (noted,) = pulls(app)
    assert (noted.source, noted.rows, noted.error) == ("gateway", 2, "")
    assert (noted.started_at, noted.ended_at) == (NOW, NOW)
    assert (noted.first_day, noted.last_day) == (DAY, DAY + ONE)


@pytest.mark.parametrize("dies_after", [0, 2, 3, 5])
def test_fault_51_a_killed_pull_leaves_whole_days_and_a_rerun_mends_it(tmp_path, dies_after):
    days = [used(DAY + step * ONE, who) for step in range(3) for who in ("acme", "bolt")]
    undisturbed, killed = an_app(tmp_path / "a"), an_app(tmp_path / "b")
    told(undisturbed, *days)
    with pytest.raises(Crash):
        pull(killed, DyingSource(*days, dies_after=dies_after), Window())

    # a day is whole, and committed, once a row of a later one comes
    assert len(rows(killed.engine)) == max(0, dies_after - 1) // 2 * 2
    told(killed, *days)
    assert current(killed.engine) == current(undisturbed.engine)
    assert {row.version for row in rows(killed.engine).values()} == {1}


def test_use_of_a_running_day_that_is_not_told_again_counts_no_more(tmp_path):
    app, today = an_app(tmp_path), DAY + ONE
    told(app, used(DAY), used(today), span=(DAY, today))
    told(app, used(DAY), span=(DAY, today))
    assert costs(app) == {("acme", 0): 3_000, ("acme", 1): 0}
