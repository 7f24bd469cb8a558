"""Killed at a sample of all that the service does in Slack; `make torture` takes every point."""

from __future__ import annotations

import pytest

from tests.process.slack_crashes import MODES, SlackCrashes

SAMPLE = {"well": 8, "slow": 3, "429": 3}


@pytest.fixture(scope="module")
def crashes(tmp_path_factory):
    found = SlackCrashes(tmp_path_factory.mktemp("slack"))
    assert found.record() == []
    yield found
    found.end()


def test_there_are_points_in_all_that_is_done_in_slack(crashes):
    names = " ".join(crashes.points)
    for function in (
        "delivery._Post.claim", "delivery._Post.done", "slack_account.SlackAccount._asked",
        "showing.Showing._show", "picturing.Picturing._attach", "desk.Desk._store",
        "jobs.take_over",
    ):  # fmt: skip
        assert f" {function} #" in names


@pytest.mark.parametrize("mode", MODES)
def test_fault_67_killed_anywhere_in_slack_everything_is_there_once(crashes, mode):
    stride = len(crashes.points) // SAMPLE[mode]
    reached = [
        (point, crashes.crash_at(point, mode)) for point in crashes.points[stride // 2 :: stride]
    ]
    assert [each for each in reached if each[1]] == []
    assert any(wrong is not None for _, wrong in reached)
