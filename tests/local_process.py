"""A server that tests start as a process of its own, and the port by which they move it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
Self = TypeVar("Self", bound="LocalProcess")


class LocalProcess:
    """One that prints ``{"port": ..., "control_port": ...}`` once it serves."""

    def __init__(self, module: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *options, "--with-parent"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} did not start")
        ports = json.loads(line)
        self.port, self._control_port = int(ports["port"]), int(ports["control_port"])

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def control(self, name: str, /, **arguments: Any) -> Any:
        """Ask for anything; everything else does it through this."""
        with closing(HTTPConnection("127.0.0.1", self._control_port, timeout=120)) as connection:
            connection.request("POST", f"/_control/{name}", json.dumps(arguments))
            answer = json.loads(connection.getresponse().read())
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']}")
        return answer["result"]

    def freeze(self) -> None:
        """Stop answering anybody, this client included, until ``thaw``."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after ``freeze``."""
        self._process.send_signal(signal.SIGCONT)

    def wait_until(self: Self, condition: Callable[[Self], Any], within_s: float = 10.0) -> Any:
        """Look again and again until something is so."""
        until = time.monotonic() + within_s
        while not (found := condition(self)):
            if time.monotonic() > until:
                raise AssertionError(f"not so within {within_s} s")
            time.sleep(0.01)
        return found
