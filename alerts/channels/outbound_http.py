"""Calls over HTTPS to addresses that operators name: to no other place than the one checked.

A name is looked up here, each of its addresses is looked at, and one that may be called is
connected to: nothing looks it up a second time. The name still counts for the certificate. No
answer leads elsewhere, no proxy is asked, and one call ends when its time is over, however little
comes however often.

Errors
------
OutboundError
    There was no answer. ``unsure`` says that the request may have arrived all the same,
    ``refused`` that the address must not be called. Its words name the host alone: the rest of an
    address may be a secret.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alerts.channels.public_addresses import HERE, NOTHING, Private, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

    Lookup = Callable[[str, int], list[str]]

MOST_BYTES = 65_536
"""So much of an answer is read."""
AGENT = "spendwatch"
_PORTS = {"https": 443, "http": 80}


class OutboundError(Exception):
    """There was no answer to a call."""

    def __init__(self, words: str, *, unsure: bool = False, refused: bool = False) -> None:
        super().__init__(words)
        self.unsure, self.refused = unsure, refused


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered, whatever it says; ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def addresses_of(host: str, port: int) -> list[str]:
    """Look up a name; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


def trusting(ca_file: str | None = None) -> ssl.SSLContext:
    """Trust the authorities of this machine, and those of a file; raises OSError."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class OutboundHttp:
    """Calls addresses, guarded.

    ``lookup`` gives the addresses of a name; ``steady`` counts seconds.
    """

    def __init__(
        self,
        trust: ssl.SSLContext,
        private: Private = NOTHING,
        timeout_s: float = 10.0,
        lookup: Lookup = addresses_of,
        steady: Callable[[], float] = monotonic,
    ) -> None:
        self._trust, self._private, self._timeout_s = trust, private, timeout_s
        self._lookup, self._steady = lookup, steady

    def get(self, url: str) -> Answer:
        """Ask for what is at an address; raises OutboundError."""
        return self._call("GET", url, b"", {})

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body; raises OutboundError."""
        return self._call("POST", url, body, headers)

    def reach(self, url: str) -> None:
        """See whether an address could be called, without asking anything; raises OutboundError."""
        parts = urlsplit(url)
        with _Connection(self._connected(parts, self._deadline()), parts):
            pass

    def _deadline(self) -> _Deadline:
        return _Deadline(self._steady, self._steady() + self._timeout_s)

    def _call(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        parts = urlsplit(url)
        target = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        with _Connection(self._connected(parts, self._deadline()), parts) as connection:
            try:
                return connection.ask(method, target, body, headers)
            except (OSError, http.client.HTTPException) as error:
                # What it says may repeat what was sent, and so a secret.
                words = f"no answer from {parts.hostname}: {_in_words(error)}"
                raise OutboundError(words, unsure=True) from None

    def _connected(self, parts: SplitResult, deadline: _Deadline) -> _Timed:
        host = parts.hostname or ""
        plain = parts.scheme == "http"
        if plain and host not in HERE:
            raise OutboundError(f"{host} is called over https alone", refused=True)
        try:
            return self._open(host, parts.port or _PORTS[parts.scheme], deadline, plain=plain)
        except (OSError, ValueError) as error:
            raise OutboundError(f"{host} is not reached: {_in_words(error)}") from None

    def _open(self, host: str, port: int, deadline: _Deadline, *, plain: bool) -> _Timed:
        """Connect to the first address that may be called and takes the connection."""
        allowed = self._allowed(host, port, deadline)
        for left, address in zip(range(len(allowed), 0, -1), allowed, strict=True):
            try:
                raw = socket.create_connection((address, port), deadline.left_s() / left)
                break
            except OSError:
                if left == 1:
                    raise
        try:
            return _Timed(raw if plain else self._secured(raw, host, deadline), deadline)
        except BaseException:
            raw.close()
            raise

    def _secured(self, raw: socket.socket, host: str, deadline: _Deadline) -> ssl.SSLSocket:
        raw.settimeout(deadline.left_s())
        return self._trust.wrap_socket(raw, server_hostname=host)

    def _allowed(self, host: str, port: int, deadline: _Deadline) -> list[str]:
        """Look up a name, and leave what must not be called; raises OutboundError for nothing."""
        found = self._looked_up(host, port, deadline)
        refused = {each: refusal(ip_address(each), host, self._private) for each in found}
        allowed = [address for address, words in refused.items() if not words]
        if allowed or not refused:
            return allowed
        address, words = next(iter(refused.items()))
        raise OutboundError(f"{host} is not called: {address} is {words}", refused=True)

    def _looked_up(self, host: str, port: int, deadline: _Deadline) -> list[str]:
        """Look up a name in time; what looks it up cannot be stopped, so it is left alone."""
        answers: Queue[list[str] | Exception] = Queue()

        def look() -> None:
            try:
                answers.put(self._lookup(host, port))
            except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
                answers.put(error)

        Thread(target=look, name="lookup", daemon=True).start()
        try:
            found = answers.get(timeout=deadline.left_s())
        except Empty:
            raise OutboundError(f"{host} is not reached: no answer of the resolver") from None
        if isinstance(found, Exception):
            raise found
        if not found:
            raise OSError("its name has no address")
        return found


class _Deadline:
    """When a call must have ended."""

    def __init__(self, steady: Callable[[], float], at_s: float) -> None:
        self._steady, self._at_s = steady, at_s

    def left_s(self) -> float:
        """Return how many seconds are left; raises TimeoutError where none are."""
        left_s = self._at_s - self._steady()
        if left_s <= 0:
            raise TimeoutError
        return left_s


class _Timed:
    """A connected socket, whose every step may take only the time that is left of all.

    It has what http.client asks of a socket. ``end`` closes it, and not ``close``, which
    http.client calls before it has read the answer.
    """

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        """Send it all."""
        left = memoryview(data)
        while left:
            self._sock.settimeout(self._deadline.left_s())
            left = left[self._sock.send(left) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Give what an answer is read from."""
        return io.BufferedReader(_Incoming(self._sock, self._deadline))

    def close(self) -> None:
        """Stay open."""

    def end(self) -> None:
        """Close the socket."""
        self._sock.close()


class _Incoming(io.RawIOBase):
    """What comes in, as long as there is time."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        """Whether it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for something, and read it."""
        self._sock.settimeout(self._deadline.left_s())
        return self._sock.recv_into(buffer)


class _Connection:
    """One request and its answer."""

    def __init__(self, timed: _Timed, parts: SplitResult) -> None:
        host = parts.hostname or ""
        self._timed = timed
        self._http = http.client.HTTPConnection(host, parts.port or _PORTS[parts.scheme])
        self._http.default_port = _PORTS[parts.scheme]
        self._http.sock = timed

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._timed.end()

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a request, and read the beginning of its answer."""
        fixed = {"User-Agent": AGENT, "Accept": "*/*", "Connection": "close"}
        self._http.request(method, target, body or None, {**fixed, **headers})
        answer = self._http.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, said, answer.read(MOST_BYTES))


def _in_words(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no secure connection ({error.reason or type(error).__name__})"
    if isinstance(error, TimeoutError):
        return "it takes too long"
    if isinstance(error, OSError) and not isinstance(error, http.client.HTTPException):
        return str(error.strerror or error)
    return type(error).__name__
