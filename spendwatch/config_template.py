"""The config.toml that `spendwatch init` writes: a few answers, and comments for all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.model import normalise_tenant
from detector.price_table import toml_string
from spendwatch import settings_types
from spendwatch.config_texts import (
    ALERTS,
    AZURE,
    CSV_SOURCE,
    HEAD,
    MAIL,
    OUTBOUND,
    RECEIVER,
    REST,
    SAMPLE_SOURCE,
    SERVICE,
    SLACK,
    TENANTS,
)
from spendwatch.settings import ConfigError
from spendwatch.settings_azure import guid
from spendwatch.settings_checks import PRICE_TABLE_CURRENCY
from spendwatch.settings_secrets import is_secret
from spendwatch.settings_sections import DetectionSettings
from spendwatch.settings_types import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAMPLE = "sample"
CSV_FILE = "csv_file"
AZURE_LOGS = "azure_logs"
_SOURCES = (SAMPLE, CSV_FILE, AZURE_LOGS)


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """What a person answered; checked by :func:`read_answers`."""

    time_zone: str = "UTC"
    currency: str = "USD"
    usd_rate: str = ""
    source: str = SAMPLE
    path: str = ""
    workspace_id: str = ""
    tenants: tuple[str, ...] = ()
    monthly_cap: str = "none"
    alerts_file: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """One question of `spendwatch init`; ``key`` is also the name of its flag.

    ``check`` raises ValueError with a sentence that says what is accepted; ``asked`` tells from
    the answers so far whether the question makes sense at all.
    """

    key: str
    prompt: str
    default: str
    check: Callable[[str], Any]
    asked: Callable[[Mapping[str, str]], bool] = lambda _answers: True

    def problem(self, answer: str) -> str:
        """Say what is wrong with an answer; empty where nothing is."""
        try:
            self.check(answer)
        except ValueError as error:
            return str(error)
        return ""


def _check_source(answer: str) -> None:
    if answer not in _SOURCES:
        guess = nearest(answer, _SOURCES)
        known = f"{SAMPLE}, {CSV_FILE} or {AZURE_LOGS}"
        raise ValueError(f"must be {known}, not {shown(answer)}{guess}")


def _check_path(answer: str) -> None:
    settings_types.name(answer)
    _refuse_secret(answer)


def _check_optional_path(answer: str) -> None:
    settings_types.text(answer)
    _refuse_secret(answer)


def _refuse_secret(answer: str) -> None:
    if is_secret(answer):
        raise ValueError("looks like a secret, and secrets must not stand in config.toml")


def _check_tenants(answer: str) -> None:
    taken = {normalise_tenant(name): name for name in DetectionSettings().unattributed_names}
    for tenant in _split(answer):
        _refuse_secret(tenant)
        meant = settings_types.tenant_id(tenant)
        if meant in taken:
            raise ValueError(f"{shown(tenant)} means the same as {shown(taken[meant])}")
        taken[meant] = tenant


def _split(answer: str) -> list[str]:
    return [part.strip() for part in answer.split(",") if part.strip()]


def _check_cap(answer: str) -> None:
    if answer != "none":
        settings_types.money(answer, ' or "none"')


def _other_currency(answers: Mapping[str, str]) -> bool:
    return answers.get("currency", PRICE_TABLE_CURRENCY) != PRICE_TABLE_CURRENCY


QUESTIONS = (
    Question(
        "time_zone",
        "Time zone whose midnight begins a day (Europe/Berlin, ...)",
        "UTC",
        settings_types.time_zone,
    ),
    Question("currency", "Currency of every report", "USD", settings_types.currency),
    Question(
        "usd_rate",
        "What is 1 USD, the currency of the shipped prices, worth in yours",
        "",
        settings_types.exchange_rate,
        _other_currency,
    ),
    Question(
        "source",
        f"Where usage comes from: {SAMPLE} (made up, to try things), {CSV_FILE} (CSV or Parquet) "
        f"or {AZURE_LOGS} (an API Management gateway's logs)",
        SAMPLE,
        _check_source,
    ),
    Question(
        "path",
        "File, or folder of daily files, with your usage",
        "usage",
        _check_path,
        lambda answers: answers.get("source") == CSV_FILE,
    ),
    Question(
        "workspace_id",
        "Id of the Log Analytics workspace (a GUID, on its overview page)",
        "",
        guid,
        lambda answers: answers.get("source") == AZURE_LOGS,
    ),
    Question("tenants", "Ids of tenants with a budget, parted by commas", "", _check_tenants),
    Question(
        "monthly_cap",
        'What each of them may spend a month ("none": no limit, 0: nothing)',
        "none",
        _check_cap,
        lambda answers: bool(_split(answers.get("tenants", ""))),
    ),
    Question(
        "alerts_file",
        "File to append alerts to (empty: the terminal)",
        "",
        _check_optional_path,
    ),
)


def read_answers(texts: Mapping[str, str]) -> InitAnswers:
    """Check the answers, keyed as the questions are; what is missing takes its default.

    Raises ConfigError with one sentence for each answer that will not do.
    """
    given = {question.key: question.default for question in QUESTIONS} | dict(texts)
    asked = [question for question in QUESTIONS if question.asked(given)]
    problems = [(question.key, question.problem(given[question.key])) for question in asked]
    problems += [
        (question.key, "does not go with the other answers; leave it out")
        for question in QUESTIONS
        if question not in asked and texts.get(question.key)
    ]
    wrong = tuple(f"{key}: {problem}" for key, problem in problems if problem)
    if wrong:
        raise ConfigError(wrong)
    values: dict[str, Any] = {question.key: given[question.key] for question in asked}
    return InitAnswers(**{**values, "tenants": tuple(_split(given["tenants"]))})


def render_config(answers: InitAnswers) -> str:
    """Write config.toml; every answer stands in it as an escaped TOML string."""
    tenants = [_tenant(tenant, answers.monthly_cap) for tenant in answers.tenants]
    parts = [
        HEAD,
        _service(answers),
        _source(answers),
        AZURE,
        _receiver(answers),
        TENANTS,
        *tenants,
        REST,
        _exchange_rate(answers),
    ]
    return "\n".join(part for part in parts if part)


def _service(answers: InitAnswers) -> str:
    return f"""[service]
# Whose midnight begins a day: an IANA name (default UTC).
time_zone = {toml_string(answers.time_zone)}
# Everything is reported in it: three letters (default USD).
currency = {toml_string(answers.currency)}
{SERVICE}"""


def _source(answers: InitAnswers) -> str:
    if answers.source == SAMPLE:
        return SAMPLE_SOURCE
    if answers.source == AZURE_LOGS:
        return f"""# Where usage comes from: a gateway's logs in Log Analytics; see below.
[[sources]]
kind = "azure_logs"
name = "gateway"
workspace_id = {toml_string(answers.workspace_id)}
"""
    return f"""# Where usage comes from: CSV or Parquet, one file or a folder of daily files.
[[sources]]
kind = "csv_file"
name = "usage"
path = {toml_string(answers.path)}
{CSV_SOURCE}"""


def _receiver(answers: InitAnswers) -> str:
    path = toml_string(answers.alerts_file) if answers.alerts_file else ""
    line = f"path = {path}" if path else '# path = "data/alerts.txt"     # a file, not the terminal'
    return f"""# Who can be told: the terminal, a file, a conversation in Slack, addresses by mail.
[[receivers]]
kind = "console"
name = "console"
{line}
{RECEIVER}
{SLACK}
{MAIL}
{OUTBOUND}
{ALERTS}"""


def _tenant(tenant: str, cap: str) -> str:
    return f"""[[tenants]]
id = {toml_string(tenant)}
[[tenants.budgets]]
cap = {toml_string(cap)}
"""


def _exchange_rate(answers: InitAnswers) -> str:
    if answers.currency == PRICE_TABLE_CURRENCY:
        return ""
    # Valid from before any usage: somebody who starts today has no older rate at hand.
    return f"""# What 1 USD, the currency of the shipped prices, is worth; add rates as it changes.
[[prices.exchange_rates]]
currency = "USD"
rate = {toml_string(answers.usd_rate)}
effective_from = 2020-01-01
"""
