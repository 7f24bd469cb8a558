"""What Prometheus reads at /metrics; docs/web.md says what each figure means."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.model import Verb
from alerts.outbox_queries import NotificationState
from detector.model import FindingKind, Severity
from spendwatch.db import DatabaseError
from spendwatch.standing import standing
from spendwatch.web.figures import read_figures
from spendwatch.web.guards import route_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias

    from prometheus_client.metrics_core import Metric
    from starlette.types import Scope

    from spendwatch.app import App
    from spendwatch.standing import Standing
    from spendwatch.web.figures import Figures

    Values: TypeAlias = Mapping[tuple[str, ...], float]

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_GONE = (NotificationState.SENT.value, NotificationState.DROPPED.value)


class Metrics:
    """All figures of one process, in a registry of its own."""

    def __init__(self, app: App) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Service(app))
        self._requests = Counter(
            "spendwatch_http_requests",
            "Requests answered over HTTP since the process was started.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "spendwatch_http_request_seconds",
            "How long a request over HTTP took.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def count(self, scope: Scope, status: int, took_s: float) -> None:
        """Count one request; whatever a client makes up, the labels stay few."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(route_of(scope), method, str(status)).inc()
        self._seconds.labels(route_of(scope)).observe(took_s)

    def text(self) -> bytes:
        """Read everything, and write it as Prometheus reads it."""
        return generate_latest(self._registry)


class _Service(Collector):
    """Reads how the service stands whenever somebody asks."""

    def __init__(self, app: App) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Give every figure; of a database that cannot be read, that alone."""
        yield _gauge("build_info", "1, and its version.", 1, version=version("spendwatch"))
        try:
            found, figures = standing(self._app), read_figures(self._app)
        except DatabaseError:
            yield _gauge("database_up", "1 while the database can be read.", 0)
            return
        yield _gauge("database_up", "1 while the database can be read.", 1)
        yield from _of_service(self._app, found)
        yield from _of_slack(found)
        yield from _of_pulls(found, figures)
        yield from _of_outbox(found, figures)
        yield from _of_alerts(figures)
        if figures.free_bytes is not None:
            words = "Room on the disk on which the database is kept."
            yield _gauge("disk_free_bytes", words, figures.free_bytes)


def _of_service(app: App, found: Standing) -> Iterator[Metric]:
    yield _gauge("serving", "1 where `spendwatch run` was heard of just now.", found.serving)
    if found.leader:
        beat = (found.now - found.leader.heartbeat_at).total_seconds()
        yield _gauge("heartbeat_age_seconds", "Since the service was last heard of.", beat)
    if found.judged_day:
        age = (found.now - app.settled_at(found.judged_day)).total_seconds()
        yield _gauge("judged_day_age_seconds", "Since the newest judged day was settled.", age)
    yield _gauge("faults", "What `spendwatch health` finds wrong.", len(list(found.faults())))
    yield _gauge("database_damaged", "1 where the database was found broken.", bool(found.damage))
    short = bool(found.short_of_room)
    yield _gauge("disk_short", "1 where nothing is judged for lack of room.", short)


def _of_slack(found: Standing) -> Iterator[Metric]:
    if found.slack:
        heard = found.slack.connected_since is not None
        yield _gauge("slack_connected", "1 while a connection to Slack stands.", heard)
        refused = bool(found.slack.refused)
        yield _gauge("slack_refused", "1 while Slack refuses the bot token.", refused)


def _of_pulls(found: Standing, figures: Figures) -> Iterator[Metric]:
    ages: Values = {
        (source,): (found.now - at).total_seconds() for source, at in figures.pulled_at.items()
    }
    words = "Since a source last answered a pull."
    yield _gauges("pull_age_seconds", words, ("source",), ages)
    failing: Values = {(each.source,): bool(each.error) for each in found.pulls}
    words = "1 where the newest pull of a source failed."
    yield _gauges("pull_failing", words, ("source",), failing)


def _of_outbox(found: Standing, figures: Figures) -> Iterator[Metric]:
    waiting: Values = {key: many for key, many in figures.outbox.items() if key[0] not in _GONE}
    words = "Messages that are neither sent nor dropped."
    yield _gauges("outbox_messages", words, ("state", "receiver"), waiting)
    age = (found.now - figures.oldest_at).total_seconds() if figures.oldest_at else 0
    words = "Age of the oldest message that is still to be sent; 0 where none is."
    yield _gauge("outbox_oldest_age_seconds", words, age)
    dead = sum(many for (state, *_), many in waiting.items() if state == NotificationState.DEAD)
    yield _gauge("outbox_dead_messages", "Messages that were given up.", dead)
    sent: Values = {
        (receiver,): many
        for (state, receiver), many in figures.outbox.items()
        if state == NotificationState.SENT
    }
    yield _counters("deliveries_sent", "Messages that were sent.", ("receiver",), sent)
    failed: Values = {(receiver,): many for receiver, many in figures.failed_tries.items()}
    words = "Tries to send a message that did not succeed."
    yield _counters("deliveries_failed", words, ("receiver",), failed)


def _of_alerts(figures: Figures) -> Iterator[Metric]:
    every = [(kind.value, grave.value) for kind in FindingKind for grave in Severity]
    words = "Alerts that last and that nobody has answered."
    found: Values = {key: figures.open_alerts.get(key, 0) for key in every}
    yield _gauges("alerts_open", words, ("kind", "severity"), found)
    given: Values = {(verb.value,): figures.answers.get(verb.value, 0) for verb in Verb}
    yield _counters("answers", "Answers that people gave.", ("verb",), given)


def _gauge(name: str, words: str, value: float, **labels: str) -> Metric:
    return _gauges(name, words, tuple(labels), {tuple(labels.values()): value})


def _gauges(name: str, words: str, labels: Iterable[str], values: Values) -> Metric:
    found = GaugeMetricFamily(f"spendwatch_{name}", words, labels=tuple(labels))
    for key, value in sorted(values.items()):
        found.add_metric(key, float(value))
    return found


def _counters(name: str, words: str, labels: Iterable[str], values: Values) -> Metric:
    found = CounterMetricFamily(f"spendwatch_{name}", words, labels=tuple(labels))
    for key, value in sorted(values.items()):
        found.add_metric(key, float(value))
    return found
