"""A Log Analytics workspace, or one Azure resource, asked through Azure's own client.

Errors
------
SourceError
    Every failure, in words that name the query, the place and what to change.
TooMuch
    One of them: no answer in time, or more than an answer holds; a shorter window may do.
"""

from __future__ import annotations

import queue
from dataclasses import dataclass, replace
from datetime import UTC
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from detector.sources.asking import TooMuch
from detector.sources.azure_credentials import CredentialError, check_endpoint, is_clear, watched
from detector.sources.base import SourceError
from detector.sources.kql_text import between
from detector.sources.log_analytics_faults import (
    Asked,
    Fault,
    Kind,
    Reply,
    fault_of,
    no_answer,
    reason_of,
    too_slow,
)
from detector.sources.log_analytics_gate import Gate
from detector.sources.log_analytics_results import answer_of
from detector.sources.log_analytics_stream import noted, read_result
from detector.sources.log_query import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from azure.core.credentials import TokenCredential
    from azure.monitor.query import LogsQueryClient

    from detector.sources.azure_credentials import WatchedCredential
    from detector.sources.log_query import Statement

__all__ = ["Gate", "Limits", "LogAnalytics", "open_log_analytics"]

FIRST_WAIT_S, LONGEST_WAIT_S = 2.0, 60.0
_TRIES = {Kind.THROTTLED: 6, Kind.BROKEN: 4, Kind.SLOW: 2}
"""How often a query is sent at most; what is not named here is sent once."""
_NO_CONTENT = 204
_SHORTEST_S = 1.0
"""The service counts whole seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited.

    Attributes
    ----------
    query_timeout_s : float
        For one query, by the service; it takes 600 at most.
    run_timeout_s : float
        For all queries of one pull together, their waits included.
    grace_s : float
        How much later than the service we give a query up ourselves.
    """

    query_timeout_s: float = 180.0
    run_timeout_s: float = 900.0
    grace_s: float = 15.0


def open_log_analytics(  # noqa: PLR0913 - named, and each of them is injected
    *,
    workspace_id: str = "",
    resource_id: str = "",
    credential: TokenCredential,
    endpoint: str,
    audience: str,
    limits: Limits,
    gate: Gate,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    spread: Callable[[float, float], float],
) -> LogAnalytics:
    """Make a store of a workspace or of a resource, for one pull; nothing is sent yet.

    ``clock`` gives seconds and cannot be set (``time.monotonic``); ``sleep`` waits so many;
    ``spread`` picks a number between two (``random.uniform``); one ``gate`` is shared by all
    stores of an identity. ValueError for an endpoint to which no token may be sent.
    """
    if bool(workspace_id) == bool(resource_id):
        raise ValueError("either workspace_id or resource_id names what is asked")
    place = _Place(workspace_id, resource_id)
    line = _Line(place, watched(credential), check_endpoint(endpoint), audience, limits.grace_s)
    return LogAnalytics(line, limits, gate, clock, sleep, spread)


@dataclass(frozen=True, slots=True)
class _Place:
    """One of the two is given."""

    workspace_id: str
    resource_id: str

    @property
    def setting(self) -> str:
        return "workspace_id" if self.workspace_id else "application_insights"

    def __str__(self) -> str:
        return (
            f"workspace {self.workspace_id}"
            if self.workspace_id
            else f"resource {self.resource_id}"
        )


class _Failed(Exception):  # noqa: N818 - what it carries is the error
    """One try came to nothing."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.words)
        self.fault = fault


class LogAnalytics:
    """Answers statements; built anew for every pull, whose time begins with the first of them."""

    def __init__(
        self,
        line: _Line,
        limits: Limits,
        gate: Gate,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        spread: Callable[[float, float], float],
    ) -> None:
        self._line, self._limits, self._gate = line, limits, gate
        self._clock, self._sleep, self._spread = clock, sleep, spread
        self._spent_s = 0.0
        self._lock = Lock()

    @property
    def place(self) -> str:
        """The workspace or resource."""
        return str(self._line.place)

    def ask(self, statement: Statement, begin: datetime, end: datetime) -> Answer:
        """Ask for rows from ``begin`` to before ``end``; raises SourceError.

        A workspace that says it has no data (204) gives an empty answer without columns: nothing
        is wrong with it, and that nothing came at all is for the source to notice.
        """
        asked = self._line.asked(statement.name, between(statement, begin, end))
        until = self._clock() + self._left_s()
        begun = self._clock()
        try:
            return self._ask_patiently(asked, (begin.astimezone(UTC), end.astimezone(UTC)), until)
        finally:
            with self._lock:
                self._spent_s += self._clock() - begun

    def _left_s(self) -> float:
        """Return the seconds that the run has left; what happens between queries is not counted."""
        with self._lock:
            return self._limits.run_timeout_s - self._spent_s

    def _ask_patiently(self, asked: Asked, span: tuple[datetime, datetime], until: float) -> Answer:
        """Try until there is an answer, or an error that trying again does not mend."""
        tries = 0
        while True:
            try:
                return self._try(asked, span, until)
            except _Failed as failed:
                tries += 1
                fault = failed.fault
            if tries >= _TRIES.get(fault.kind, 1):
                raise self._final(asked, fault, tries)
            self._wait(asked, fault, tries, until)

    def _try(self, asked: Asked, span: tuple[datetime, datetime], until: float) -> Answer:
        """Send the query once."""
        try:
            self._gate.check(asked.place)
            with self._gate.passing(until - self._clock()):
                timeout_s = min(self._limits.query_timeout_s, self._left_until(until))
                begun = self._clock()
                answer = self._line.send(asked, span, timeout_s)
                return replace(answer, took_s=self._clock() - begun)
        except SourceError as error:
            raise SourceError(asked.tell(str(error)), retryable=error.retryable) from None

    def _left_until(self, until: float) -> float:
        """Return the seconds that are left, if a query can be sent in them at all."""
        left_s = until - self._clock()
        if left_s < _SHORTEST_S:
            raise SourceError(
                f"the {self._limits.run_timeout_s:.0f} s of this run are used up; raise "
                "run_timeout_s in [azure], or pull fewer days at once",
                retryable=True,
            )
        return left_s

    def _final(self, asked: Asked, fault: Fault, tries: int) -> SourceError:
        """Make the error that ends a query; whom it concerns more widely is noted at the gate."""
        again = f" (tried {tries} times)" if tries > 1 else ""
        words = self._line.credential.hide(fault.words) + again
        if fault.kind in (Kind.CREDENTIAL, Kind.PLACE):
            self._gate.refuse(words, "" if fault.kind is Kind.CREDENTIAL else asked.place)
        error = TooMuch if fault.kind in (Kind.SLOW, Kind.TOO_LARGE) else SourceError
        return error(asked.tell(words), retryable=fault.may_pass)

    def _wait(self, asked: Asked, fault: Fault, tries: int, until: float) -> None:
        """Wait before the next try, unless the run ends before."""
        bound_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (tries - 1))
        wait_s = self._spread(0.0 if fault.wait_s is not None else bound_s / 2, bound_s)
        wait_s += fault.wait_s or 0.0
        left_s = until - self._clock()
        if wait_s >= left_s:
            asks = f"asked to wait {wait_s:.0f} s" if fault.wait_s is not None else "tried again"
            words = self._line.credential.hide(fault.words)
            raise SourceError(
                asked.tell(f"{words}; {asks}, and the run has {left_s:.0f} s left"), retryable=True
            )
        if fault.kind is Kind.THROTTLED:
            self._gate.pause(wait_s)
        self._sleep(wait_s)


class _Line:
    """The SDK's client for one place: sends a query once and says what came of it."""

    def __init__(
        self,
        place: _Place,
        credential: WatchedCredential,
        endpoint: str,
        audience: str,
        grace_s: float,
    ) -> None:
        self.place, self.credential = place, credential
        self._endpoint, self._audience = endpoint, audience
        self._grace_s = grace_s
        self._client: LogsQueryClient | None = None
        self._lock = Lock()

    def asked(self, query: str, text: str) -> Asked:
        """Say what is asked, for messages."""
        return Asked(query, text, str(self.place), self.place.setting, self._endpoint)

    def send(self, asked: Asked, span: tuple[datetime, datetime], timeout_s: float) -> Answer:
        """Send a query and wait for it no longer than it may take; raises _Failed.

        The client's own limits end neither an answer that trickles in nor a credential or a name
        server that never answers: so it works in a thread of its own, which is left behind.
        """
        ended: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
        call = _Call(asked, span, timeout_s, self._grace_s)
        Thread(target=self._work, args=(call, ended), name="log-analytics", daemon=True).start()
        try:
            outcome = ended.get(timeout=timeout_s + 2 * self._grace_s)
        except queue.Empty:
            self._forget_client()
            raise _Failed(too_slow(timeout_s + 2 * self._grace_s)) from None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _work(self, call: _Call, ended: queue.SimpleQueue[Answer | Exception]) -> None:
        try:
            ended.put(call.run(self._open_client(), self.place, clear=is_clear(self._endpoint)))
        except Exception as error:  # noqa: BLE001 - whoever waits for this thread raises it
            ended.put(error)

    def _open_client(self) -> LogsQueryClient:
        with self._lock:
            if self._client is None:
                self._client = _new_client(self.credential, self._endpoint, self._audience)
            return self._client

    def _forget_client(self) -> None:
        """Leave a client that hangs to its thread."""
        with self._lock:
            self._client = None


def _new_client(credential: WatchedCredential, endpoint: str, audience: str) -> LogsQueryClient:
    """Make the SDK's client: without its retries, which know no deadline, and without redirects."""
    from azure.monitor.query import LogsQueryClient

    return LogsQueryClient(
        credential,
        endpoint=endpoint,
        audience=audience,
        retry_total=0,
        permit_redirects=False,
        # To this machine over http: a proxy in between would be handed the token.
        use_env_settings=not is_clear(endpoint),
    )


class _Call:
    """One query on its way."""

    def __init__(
        self,
        asked: Asked,
        span: tuple[datetime, datetime],
        timeout_s: float,
        grace_s: float,
    ) -> None:
        self._asked, self._span = asked, span
        self._timeout_s, self._grace_s = timeout_s, grace_s
        self._reply: Any = None
        self._result: dict[str, Any] = {}
        self._head: bytearray | None = None
        self._lost: Exception | None = None

    def run(self, client: LogsQueryClient, place: _Place, *, clear: bool) -> Answer:
        """Ask, and turn whatever comes back into an answer or _Failed."""
        from azure.core.exceptions import AzureError

        try:
            self._ask(client, place, clear=clear)
            return answer_of(self._result)
        except CredentialError as error:
            kind = Kind.BROKEN if error.retryable else Kind.CREDENTIAL
            raise _Failed(Fault(kind, str(error))) from None
        # A body that is no result makes the client stumble in any of these ways.
        except (AzureError, ValueError, LookupError, TypeError, AttributeError) as error:
            if self._reply is None and not isinstance(error, AzureError):
                raise
            if self._status == _NO_CONTENT:
                return Answer((), ())
            # Not chained: what was sent, and what came back, hangs on the client's errors.
            raise _Failed(self._fault(self._lost or error)) from None

    def _ask(self, client: LogsQueryClient, place: _Place, *, clear: bool) -> None:
        ask, name = (
            (client.query_workspace, place.workspace_id)
            if place.workspace_id
            else (client.query_resource, place.resource_id)
        )
        ask(
            name,
            self._asked.text,
            timespan=self._span,
            server_timeout=max(1, int(self._timeout_s)),
            connection_timeout=self._grace_s,
            read_timeout=self._timeout_s + self._grace_s,
            raw_response_hook=self._note,
            enforce_https=not clear,
            stream=True,
            cls=self._read,
        )

    def _read(self, _response: Any, chunks: Iterator[bytes], _headers: Any) -> dict[str, Any]:
        """Read a result while it comes, and leave nothing of it to the client."""
        from azure.core.exceptions import AzureError

        self._head = bytearray()
        try:
            self._result = read_result(noted(chunks, self._head))
        except AzureError as error:
            self._lost = error  # the client makes another one of some of these
            raise
        finally:
            self._reply.close()
        return {}

    def _note(self, response: Any) -> None:
        self._reply = response.http_response

    @property
    def _status(self) -> int | None:
        return None if self._reply is None else int(self._reply.status_code)

    def _fault(self, error: Exception) -> Fault:
        from azure.core.exceptions import IncompleteReadError, ServiceRequestTimeoutError

        reason = reason_of(error)
        if isinstance(error, ServiceRequestTimeoutError):
            return no_answer(f"no connection within {self._grace_s:.0f} s", self._asked)
        if reason == "TimeoutError":
            return too_slow(self._timeout_s + self._grace_s)
        if self._reply is None or isinstance(error, IncompleteReadError):
            return no_answer(reason, self._asked)
        headers = {name.lower(): value for name, value in self._reply.headers.items()}
        body = self._reply.content if self._head is None else bytes(self._head)
        text = body.decode("utf-8", errors="replace")
        return fault_of(Reply(self._reply.status_code, headers, text), self._asked)
