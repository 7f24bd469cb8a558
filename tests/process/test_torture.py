"""Killed again and again while all receivers fail: `make torture` does it a thousand times."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import asdict

import pytest

from tests.postgresql import new_database
from tests.process.elsewhere import SECRET
from tests.process.torture import installed, torment

KILLS = {"sqlite": 20, "postgresql": 6}


def kept_secrets(torture):
    """Say where a token stands that should stand nowhere: the log, the database, any message."""
    files = [path for path in torture.folder.rglob("*") if path.is_file()]
    told = {str(path): path.read_bytes() for path in files}
    told["Slack"] = json.dumps([asdict(each) for each in torture.slack.messages()]).encode()
    told["mail"] = b"".join(torture.elsewhere.mail.taken)
    told["webhook"] = b"".join(each.body for each in torture.elsewhere.program.heard)
    tokens = (torture.slack.bot_token, torture.slack.app_token, SECRET.removeprefix("whsec_"))
    return [
        where for where, held in told.items() if any(token.encode() in held for token in tokens)
    ]


@pytest.mark.parametrize("kind", list(KILLS))
def test_faults_54_to_67_killed_in_storms_nothing_is_lost_or_told_twice(tmp_path, kind):
    address = nullcontext("sqlite:///spendwatch.db") if kind == "sqlite" else new_database()
    with address as url, installed(tmp_path, url=url) as torture:
        torment(torture, KILLS[kind], longest_s=1.5)
        assert torture.wrong() == []
        assert all(torture.faults().values())
        in_slack, *elsewhere = torture.told()
        assert in_slack.messages > 20
        assert all(told.messages > 5 for told in elsewhere)
        assert torture.pressed_alerts
        assert kept_secrets(torture) == []
