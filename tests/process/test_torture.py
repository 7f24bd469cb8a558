"""Killed again and again while Slack fails: `make torture` does it a thousand times."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from tests.postgresql import new_database
from tests.process.torture import in_slack, torment

KILLS = {"sqlite": 20, "postgresql": 6}


@pytest.mark.parametrize("kind", list(KILLS))
def test_faults_54_to_67_killed_in_storms_nothing_is_lost_or_told_twice(tmp_path, kind):
    address = nullcontext("sqlite:///spendwatch.db") if kind == "sqlite" else new_database()
    with address as url:
        torture, end = in_slack(tmp_path, url=url)
        try:
            torment(torture, KILLS[kind], longest_s=1.5)
            assert torture.wrong() == []
            report = torture.slack.report()
            assert report["messages"] > 20
            assert report["faults"]
            assert torture.pressed_alerts
        finally:
            end()
