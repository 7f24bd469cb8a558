"""Days with a fault each, on a fast clock; `make crash` lives sixty of them."""

from __future__ import annotations

from tests.process import days


def test_days_with_a_fault_each_lose_no_answer_and_tell_everything_once(tmp_path):
    world = days.prepare(tmp_path / "place")
    faults = ("killed", "source away", "channel away", "locked", "clock ahead", "revised")
    midnights = list(days.live(world, 6, faults))
    world.stop()
    assert [each.broken for each in midnights] == [[]] * 6
    assert midnights[-1].told > 6
    assert len(world.given) > 2
    assert max(each.threads for each in midnights) <= midnights[0].threads
    files = {each.open_files for each in midnights}
    assert max(files) - min(files) <= 3, "a database has three files, open or not"
