"""The real service, in processes that are forked from one that has everything imported.

With ``--serve`` it reads one order a line: which installation, and after how long to be killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import slack_sdk.socket_mode.aiohttp  # noqa: F401 - imported once, for all that are forked

import spendwatch.slack.serving  # noqa: F401 - the same
from spendwatch.commands import serving
from spendwatch.ending import Ending


def serve() -> None:
    """Run one service after the other, each until it is killed or asked to end."""
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            _run(Path(order["folder"]))
        time.sleep(order["seconds"])
        os.kill(child, signal.SIGKILL if order["kill"] else signal.SIGTERM)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(folder: Path) -> None:
    """Become the service; what it logs is kept."""
    os.setsid()
    log = os.open(folder / "log.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    code = 1
    try:
        serving.run(folder / "config.toml", Ending())
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve()
