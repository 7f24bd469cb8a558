"""A service that no longer moves leaves with a code that lets its supervisor start it again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.process.services import ROOT, a_place
from tests.process.test_endings import HUNG
from tests.slack.fixtures import slack, slack_process
from tests.spendwatch.slack_office import Office

__all__ = ["slack", "slack_process"]

BLOCKED = """
import gc, sys, threading, time
from pathlib import Path
from spendwatch.commands import serving
from spendwatch.ending import Ending
from spendwatch.slack.listening import Listener

def block():
    while not (found := [each for each in gc.get_objects() if isinstance(each, Listener)]):
        time.sleep(0.1)
    while not found[0].hears:
        time.sleep(0.1)
    found[0]._loop.call_soon_threadsafe(time.sleep, 600)

threading.Thread(target=block, daemon=True).start()
serving.run(Path(sys.argv[1]), Ending(), patience_s=3)
"""


def test_fault_109_a_service_whose_listener_is_blocked_says_so_and_leaves_with_1(tmp_path, slack):
    office = Office(tmp_path, slack)
    office.app.engine.dispose()
    office.desk.app.engine.dispose()
    ended = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(office.place.config)],
        cwd=ROOT,
        env={
            "SPENDWATCH_SLACK__BOT_TOKEN": slack.bot_token,
            "SPENDWATCH_SLACK__APP_TOKEN": slack.app_token,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    told = [json.loads(line) for line in ended.stderr.splitlines()]
    (stuck,) = [each for each in told if each["event"] == "service_stuck"]
    assert stuck["why"].startswith("what listens to Slack has not moved for")
    assert told[-1]["event"] == "service_stuck", "and nothing failed after it"


PATIENT = """
import sys
from pathlib import Path
from threading import Timer
from spendwatch.commands import serving
from spendwatch.ending import Ending

ending = Ending()
Timer(15, ending.ask, ("asked", 0)).start()
serving.run(Path(sys.argv[1]), ending, patience_s=3)
"""


def test_fault_109_a_service_whose_source_hangs_stays(tmp_path):
    (tmp_path / "pipes").mkdir()
    os.mkfifo(tmp_path / "pipes" / "pipe.csv")  # whoever opens it waits for somebody who writes
    place = a_place(tmp_path, extra=HUNG)
    ended = subprocess.run(
        [sys.executable, "-c", PATIENT, str(place.config)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told = [json.loads(line) for line in ended.stderr.splitlines()]
    assert ended.returncode == 0
    assert told[-1]["event"] == "service_stopped"
    assert (told[-1]["why"], told[-1]["idle"]) == ("asked", False)
    assert "service_stuck" not in [each["event"] for each in told]
