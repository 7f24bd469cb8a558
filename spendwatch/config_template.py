"""The config.toml that `spendwatch init` writes: a few answers, and comments for all the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detector.model import normalise_tenant
from detector.price_table import toml_string
from spendwatch import settings_types
from spendwatch.settings import ConfigError
from spendwatch.settings_checks import PRICE_TABLE_CURRENCY
from spendwatch.settings_secrets import is_secret
from spendwatch.settings_sections import DetectionSettings
from spendwatch.settings_types import nearest, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SAMPLE = "sample"
CSV_FILE = "csv_file"


@dataclass(frozen=True, slots=True)
class InitAnswers:
    """What a person answered; checked by :func:`read_answers`."""

    time_zone: str = "UTC"
    currency: str = "USD"
    usd_rate: str = ""
    source: str = SAMPLE
    path: str = ""
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
    if answer not in (SAMPLE, CSV_FILE):
        guess = nearest(answer, (SAMPLE, CSV_FILE))
        raise ValueError(f"must be {SAMPLE} or {CSV_FILE}, not {shown(answer)}{guess}")


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
        f"Where usage comes from: {SAMPLE} (made up, to try things) or {CSV_FILE} (CSV or Parquet)",
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
    return f"""# Where usage comes from: CSV or Parquet, one file or a folder of daily files.
[[sources]]
kind = "csv_file"
name = "usage"
path = {toml_string(answers.path)}
{CSV_SOURCE}"""


def _receiver(answers: InitAnswers) -> str:
    path = toml_string(answers.alerts_file) if answers.alerts_file else ""
    line = f"path = {path}" if path else '# path = "data/alerts.txt"     # a file, not the terminal'
    return f"""# Who can be told. The only kind so far writes to the terminal, or appends to a file.
[[receivers]]
kind = "console"
name = "console"
{line}
{RECEIVER}
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


HEAD = """\
# Written by `spendwatch init`; `spendwatch check` tells everything that is wrong with it.
# A line that begins with "# key =" shows a default: take the "# " away to change it.
# Outside of lists the environment wins: SPENDWATCH_SERVICE__TIME_ZONE=UTC, and so on.
# Passwords and keys must not stand here; they are taken from the environment alone.
# docs/configuration.md says more.
"""

SERVICE = """\
# database_url = "sqlite:///data/spendwatch.db"  # relative paths begin at this file's folder
# data_dir = "data"            # folder for everything spendwatch writes itself
# settle_hours = 2             # a day is judged this long after it ended everywhere; 0 to 72
# refresh_hours = 6            # `run` asks a source again this often, for late rows; 1 to 24
# patience_minutes = 60        # and waits this long for one that does not answer; 1 to 1440
# retention_days = 400         # older costs are removed; alerts and answers never; 120 to 4000
# min_free_mb = 100            # with less room on the disk nothing is judged; 0 to 1000000
# backup_dir = "data/backups"  # folder for backups of the database (default: in data_dir)
# backup_at = "03:00"          # when one is made each night, in this time zone; or "off"
"""

SAMPLE_SOURCE = """\
# Where usage comes from: a company made up from a seed, to try everything with.
[[sources]]
kind = "sample"
name = "sample"
seed = 7                       # another seed, another company; 0 to 2147483647
first_day = 2026-06-01         # no usage before this day
# last_day = 2026-12-31        # none after it (default: goes on for ever)
"""

CSV_SOURCE = """\
# columns = { tenant = "customer", cost_usd = "price" }  # our name = the file's, where they differ
# grain = "hour"               # how long a row lasts where times are given: hour, quarter_hour
# scope = "global"             # where the models are served, if no column says so (default unknown)
"""

RECEIVER = """\
# digest = "daily"             # daily, weekly, off: what need not wake anybody, and "all quiet" too
# digest_at = "08:00"          # in the receiver's time zone
# digest_day = "monday"        # of a weekly digest
# time_zone = "Europe/Berlin"  # the receiver's own (default: the service's)
# quiet_hours = "22:00-07:00"  # then only what is critical is told, the rest after (default "off")
"""

ALERTS = """\
[alerts]
receiver = "console"           # who hears of a tenant that names nobody, or that is not listed
# worse_factor = 1.5           # tell again when an alert is this many times worse; above 1, to 100
# reminder_hours = 24          # tell once more what nobody answered for so long, or "off"
# group_above = 5              # more news than this from one run is one message
# learning_days = 0            # spikes and drops of the first days go to the digest alone; 0 to 365

# Alerts of which another receiver is told: of several routes the first that fits decides.
# [[routes]]
# tenant = "contoso*"          # a tenant, or a pattern; name at least one of the first four
# kind = "spend spike"
# severity = "critical"        # at least so grave: critical, warning, notice
# cost_centre = "CC-1001"      # tenants of this cost centre
# receiver = "console"
"""

TENANTS = """\
# Tenants: those who spend. One that is not listed is watched all the same, without a budget.
# [[tenants]]
# id = "contoso"               # as usage names it; upper case and spaces around it do not count
# name = "Contoso Ltd"         # as people call it (default: the id)
# aliases = ["contoso-prod"]   # further ids that mean this tenant, such as its old name
# owner = "Aiko Tanaka"        # whom to call when an alert is critical
# cost_centre = "CC-1001"      # shown beside the costs
# time_zone = "UTC"            # default: the service's
# receiver = "console"         # default: alerts.receiver
# detection = { z = 4.0, min_excess_usd = 20 }  # its own rules; the rest as below
# [[tenants.budgets]]
# feature = "chat"             # a budget for one feature (default: for the whole tenant)
# cap = 2500                   # "12.50" in quotes if it has decimals; 0: nothing may be spent;
                               # "none", or no cap at all: no limit and no budget alerts
# period = "monthly"           # weekly, monthly, quarterly, yearly
# fiscal_start_day = 1         # 1 to 28; of a weekly budget 1 (Monday) to 7 (Sunday)
# fiscal_start_month = 1       # month in which the year, and so its quarters, begin; 1 to 12
# thresholds = [50, 80, 100]   # percent of the cap spent that are told, once each; 1 to 1000
# forecast_thresholds = [100]  # percent of the cap that the forecast reaches; 1 to 1000
"""

REST = """\
# How a day is judged, for everybody. In `detection` of a tenant all but the first four again.
[detection]
# method = "classic"           # z-score against the tenant's own past days; the only one so far
# window_days = 30             # how many days before the judged one are looked at; 7 to 180
# unattributed_percent = 5.0   # tell when more of a day's cost has no tenant; above 0, to 100
# unattributed_names = ["unknown", "none", "-", "n/a"]  # what your gateway writes for no tenant
# min_days = 14                # usable days a z-score needs; 2 to window_days
# z = 3.0                      # how many spreads from the mean is abnormal; above 0, to 100
# direction = "both"           # both, up, down
# min_excess_usd = 5           # a smaller change is never told, however unusual
# min_excess_percent = 25.0    # nor one that is a smaller share of the mean; 0 to 10000
# scale_floor_percent = 5.0    # the spread counts as at least this share of the mean; 0 to 100
# scale_floor_usd = 1          # and as at least this much
# first_spend_usd = 50         # a new or long silent tenant is told from this cost on, or "off"
# young_guard_usd = 200        # one with too few usable days: this much above them, or "off"
# critical_excess_usd = 500    # from this change on an alert is critical

# What a budget uses where it says nothing else.
[budget_defaults]
# period = "monthly"
# fiscal_start_day = 1
# fiscal_start_month = 1
# thresholds = [50, 80, 100]
# forecast_thresholds = [100]
# forecast_probability = 0.8   # how likely a forecast must be before it is told; 0.5 to 0.99

# How much your answers teach.
[answers]
# false_alarm_factor = 1.25    # a false alarm raises the tenant's dollar floor to this times it;
                               # 1 to 10
# false_alarm_days = 30        # for so long; 1 to 365

# Alerts that are not told for a time; `spendwatch silence add` does the same at once.
# [[silences]]
# tenant = "contoso*"          # a tenant, or a pattern; name a tenant, a kind, a severity or more
# kind = "spend spike"
# severity = "warning"         # critical, warning, notice
# from = 2026-11-24T18:00:00   # in the service's time zone (default: from the first)
# until = 2026-11-30T09:00:00  # what still holds then is told
# comment = "migration"

# Spend that is to come; `spendwatch planned add` does the same at once.
# [[planned_events]]
# tenant = "contoso"
# first_day = 2026-11-24       # in the tenant's time zone
# last_day = 2026-11-26        # default: the first day
# ceiling = 900                # a spike up to this is not told; the days stay out of the baseline
# comment = "migration"

# Prices of your own beside the shipped ones.
[prices]
# file = "data/prices.toml"    # written by `spendwatch prices import` (default: in data_dir)

# [[prices.rates]]             # a price agreed with the provider, per 1M tokens
# tenant = "contoso"           # whom it is for: a tenant, a deployment or both
# deployment = "gpt-4o-prod"
# model = "gpt-4o"
# scope = "global"
# effective_from = 2026-07-01
# input = "2.00"
# cached_input = "1.00"        # default: cached tokens cost what others do
# output = "8.00"
# currency = "EUR"             # default: the service's

# [[prices.exchange_rates]]    # what one unit of another currency is worth in the service's
# currency = "EUR"
# rate = "1.08"
# effective_from = 2026-01-01
"""
