"""A real Chromium, driven over its own protocol: opened, pressed, measured, photographed."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 60
KEYS = {"Tab": 9, "Enter": 13, "Space": 32}


class Tab:
    """One page; errors and whatever its policy forbids are kept in ``complaints``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket: aiohttp.ClientWebSocketResponse):
        self._loop, self._socket, self._numbers = loop, socket, count(1)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask for something and return the answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        return self._loop.run_until_complete(self._ask(message))

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        await self._socket.send_json(message)
        while True:
            said = await asyncio.wait_for(self._socket.receive_json(), PATIENCE_S)
            if said.get("id") == message["id"]:
                assert "error" not in said, said["error"]
                return said["result"]
            self._note(said)

    def _note(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["text"])
        if said.get("method") == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        if said.get("method") == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])

    def open(self, page: Path | str, width: int, height: int = 800, *, dark: bool = False) -> None:
        """Open a file, or an address, in a window of so many CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page if isinstance(page, str) else page.as_uri())
        self.wait_for("document.readyState === 'complete'")

    def wait_for(self, condition: str) -> None:
        """Wait until JavaScript says that something is so."""
        until = time.monotonic() + PATIENCE_S
        while not self.value(condition):
            assert time.monotonic() < until, f"never: {condition}"

    def value(self, script: str) -> Any:
        """Return what JavaScript says."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key as a person does."""
        words = {"key": " " if key == "Space" else key, "code": key}
        text = {"Enter": "\r", "Space": " "}.get(key)
        pressed = words | {"windowsVirtualKeyCode": KEYS[key]} | ({"text": text} if text else {})
        self.call("Input.dispatchKeyEvent", type="keyDown", **pressed)
        self.call("Input.dispatchKeyEvent", type="keyUp", **words)

    def photograph(self, target: Path) -> None:
        """Keep what the window shows as a PNG."""
        target.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))


@contextmanager
def opened(browser: str, folder: Path) -> Iterator[Tab]:
    """Start the browser without a window and give a tab of it."""
    program = subprocess.Popen(
        [
            browser, "--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),
            "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        session, socket = loop.run_until_complete(_connect(folder / "DevToolsActivePort"))
        yield Tab(loop, socket)
        loop.run_until_complete(session.close())
    finally:
        program.terminate()
        program.wait(PATIENCE_S)
        loop.close()


async def _connect(
    port_file: Path,
) -> tuple[aiohttp.ClientSession, aiohttp.ClientWebSocketResponse]:
    until = time.monotonic() + PATIENCE_S
    while not (port_file.exists() and port_file.read_text().count("\n")):
        assert time.monotonic() < until, "the browser did not start"
        await asyncio.sleep(0.05)
    port = port_file.read_text().splitlines()[0]
    session = aiohttp.ClientSession()
    async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
        pages = [each for each in await answer.json() if each["type"] == "page"]
    return session, await session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
