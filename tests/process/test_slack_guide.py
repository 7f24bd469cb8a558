"""docs/slack.md leads to an acknowledged alert: its settings and commands, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.services import Running
from tests.slack.local import LocalSlack

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/slack.md").read_text(encoding="utf-8")
SPIKE = "Contoso Ltd: $716 on Thu 12 Nov"


@pytest.fixture
def slack():
    with LocalSlack() as local:
        yield local


@pytest.fixture
def environ(slack):
    kept = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    return kept | {
        "SPENDWATCH_SLACK__BOT_TOKEN": slack.bot_token,
        "SPENDWATCH_SLACK__APP_TOKEN": slack.app_token,
        "SPENDWATCH_SLACK__BASE_URL": slack.base_url,
    }


def settings(slack):
    block, *_over_http = re.findall(r"```toml\n(.*?)```", GUIDE, flags=re.DOTALL)
    return block.replace("C0123ABCD", slack.channel).replace("U0123ABCD", slack.ana)


def commands():
    steps = GUIDE[: GUIDE.index("## What each button does")]
    return re.findall(r"^ +spendwatch (.*)$", steps, flags=re.MULTILINE)


def test_the_steps_of_the_documentation_lead_to_an_acknowledged_alert(tmp_path, slack, environ):
    (tmp_path / "config.toml").write_text(settings(slack), encoding="utf-8")
    *steps, last = commands()
    assert last == "run"
    program = [sys.executable, "-m", "spendwatch.cli"]
    for step in steps:
        done = subprocess.run([*program, *step.split()], cwd=tmp_path, env=environ, check=False)
        assert done.returncode == 0, step
    told = next(each for each in slack.posted() if SPIKE in each.text)
    assert slack.ana in str(told.blocks), "its owner is called"
    command = [*program, last]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stderr=pipe, text=True) as process:
        service = Running(process)
        try:
            service.wait_for("slack_connected")
            slack.press(slack.channel, told.ts, "acknowledge")
            slack.wait_until(
                lambda local: any(
                    each.ts == told.ts and "acknowledged" in each.text for each in local.posted()
                )
            )
            assert service.ask_to_end() == 0
        finally:
            service.kill()
