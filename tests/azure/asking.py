"""How tests ask: a store on the local Log Analytics, with a clock that moves when one sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from types import SimpleNamespace

from detector.sources.kql_text import own
from detector.sources.log_analytics import Gate, Limits, open_log_analytics
from tests.azure.state import TOKEN

DAY = datetime(2026, 11, 13, tzinfo=UTC)
NEXT_DAY = DAY + timedelta(days=1)
AUDIENCE = "https://api.loganalytics.io"
QUERY = own("llm_usage.kql", "ApiManagementGatewayLlmLog | join ApiManagementGatewayLogs on X")


class StubCredential:
    """Gives the token it has, or raises what it is told."""

    def __init__(self, token=TOKEN, *fails):
        self.token, self.fails = token, list(fails)
        self.scopes = []

    def get_token(self, *scopes, **_options):
        self.scopes.append(scopes)
        if self.fails:
            raise self.fails.pop(0)
        return SimpleNamespace(token=self.token, expires_on=DAY.timestamp() + 10**9)


class Sleeper:
    """Seconds that pass when somebody sleeps; it remembers how long."""

    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def longest(_low, high):
    """Pick the longest wait."""
    return high


def new_gate(time=None, **allowed):
    time = time or Sleeper()
    return Gate(time.clock, time.sleep, **allowed)


def store_on(
    server, time=None, *, gate=None, credential=None, resource=False, spread=longest, **limits
):
    """Open a store whose waits take no time."""
    time = time or Sleeper()
    place = {"resource_id": server.resource} if resource else {"workspace_id": server.workspace}
    return open_log_analytics(
        **place,
        credential=credential or StubCredential(),
        endpoint=server.endpoint,
        audience=AUDIENCE,
        limits=Limits(**limits),
        gate=gate or new_gate(time),
        clock=time.clock,
        sleep=time.sleep,
        spread=spread,
    )


class RealTime:
    """The machine's own, where others must be waited for."""

    clock, sleep = staticmethod(monotonic), staticmethod(sleep)
