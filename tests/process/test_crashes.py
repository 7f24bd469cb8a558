"""Killed at a sample of all points; `make crash` goes through every one of them.

A point is found by listening to commits and file operations, see ``crashing.py``. Afterwards the
database must be the one of a run that nobody disturbed, row for row, and every message must stand
in its receiver's file once.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process.crash_rig import KILLED, Zygote, crash_at, new_place, record, what_differs
from tests.process.final_state import A_RETRY_MAY_CHANGE

SAMPLE = {"sqlite": 8, "postgresql": 4}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def zygote():
    started = Zygote()
    yield started
    started.end()


@pytest.fixture(scope="module", params=list(SAMPLE))
def undisturbed(request, zygote, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes")
    server = None
    if request.param == "postgresql":
        from tests import postgresql

        server = postgresql.server().get_uri()
    return record(zygote, new_place(folder / "place", server), folder)


def test_the_story_has_points_in_all_that_leaves_a_trace(undisturbed):
    names = " ".join(point for _, point in undisturbed.points)
    for function in (
        "db_upgrade._migrate", "ingest._Pull._record_part", "ingest._Pull._record_local_day",
        "repricing._reprice_slice", "judging.write_judgement", "jobs.wake_up", "digests._write_new",
        "delivery._Post.done", "console._append_whole", "retention._remove", "leading._note",
    ):  # fmt: skip
        assert f" {function} #" in names


def test_fault_51_killed_anywhere_and_started_again_everything_is_there_once(
    undisturbed, zygote, tmp_path
):
    points = undisturbed.points
    kind = "sqlite" if undisturbed.end.url.startswith("sqlite") else "postgresql"
    stride = len(points) // SAMPLE[kind]
    for start, point in points[stride // 2 :: stride]:
        assert crash_at(zygote, undisturbed, start, point, tmp_path / "place") == [], point


def test_fault_107_a_migration_killed_half_way_is_done_by_the_next_start(
    undisturbed, zygote, tmp_path
):
    point = "before commit db_upgrade._migrate #1"
    assert crash_at(zygote, undisturbed, 0, point, tmp_path / "place") == []


def test_fault_51_killed_again_and_again_it_still_comes_to_its_end(undisturbed, zygote, tmp_path):
    place = undisturbed.starts[9].copy(tmp_path / "place")
    codes = [KILLED]
    while codes[-1] == KILLED and len(codes) < 20:
        codes.append(zygote.live(place, every=90)["status"])
    assert codes[-1] == 0
    assert len(codes) > 3
    assert what_differs(undisturbed, place) == []
    place.remove()


def test_what_a_retry_may_change_is_documented():
    documented = (ROOT / "docs/reliability.md").read_text()
    for table, column in A_RETRY_MAY_CHANGE:
        assert f"`{table}.{column}`" in documented
