"""The settings: one config.toml, checked as a whole, with all its problems told at once.

Errors
------
ConfigError    the settings cannot be used; ``problems`` holds one sentence for each reason
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from spendwatch.settings_azure import AnyAzureSource, AzureSettings
from spendwatch.settings_checks import find_clashes
from spendwatch.settings_environment import Environment, read_environment
from spendwatch.settings_inheritance import complete
from spendwatch.settings_mail import EmailReceiver, EmailSettings
from spendwatch.settings_outbound import OutboundSettings, WebhookReceiver
from spendwatch.settings_problems import Places, Problem, problems_of, unknown_key
from spendwatch.settings_secrets import take_out_secrets
from spendwatch.settings_sections import (
    AlertSettings,
    AnswerSettings,
    BudgetDefaults,
    ConsoleReceiver,
    CsvFileSource,
    DetectionSettings,
    PlannedEventSettings,
    PriceSettings,
    RouteSettings,
    SampleSource,
    ServiceSettings,
    SilenceSettings,
    TenantSettings,
)
from spendwatch.settings_slack import SlackReceiver, SlackSettings
from spendwatch.settings_web import WebSettings
from spendwatch.toml_lines import key_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from spendwatch.toml_lines import Key

Source = Annotated[SampleSource | CsvFileSource | AnyAzureSource, Field(discriminator="kind")]
AnyReceiver = Annotated[
    ConsoleReceiver | SlackReceiver | EmailReceiver | WebhookReceiver, Field(discriminator="kind")
]
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


class ConfigError(Exception):
    """The settings cannot be used; every problem is one sentence that says where it is."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Everything config.toml and the environment say; made by :func:`load_settings`."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    service: ServiceSettings
    azure: AzureSettings = AzureSettings()
    sources: tuple[Source, ...] = ()
    tenants: tuple[TenantSettings, ...] = ()
    detection: DetectionSettings = DetectionSettings()
    budget_defaults: BudgetDefaults = BudgetDefaults()
    prices: PriceSettings
    answers: AnswerSettings = AnswerSettings()
    alerts: AlertSettings
    slack: SlackSettings = SlackSettings()
    email: EmailSettings = EmailSettings()
    outbound: OutboundSettings = OutboundSettings()
    web: WebSettings = WebSettings()
    receivers: tuple[AnyReceiver, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    silences: tuple[SilenceSettings, ...] = ()
    planned_events: tuple[PlannedEventSettings, ...] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take only what load_settings hands over: it has read the environment it was given."""
        return (init_settings,)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Load ``path``, let ``environ`` win over it, and raise ConfigError with every problem."""
    text = _read(path)
    environment = read_environment(Settings, environ)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        others = Places(str(path), {}, {}).sentences(environment.problems)
        raise ConfigError((_syntax_problem(path, text, error), *others)) from None
    places = Places(str(path), key_lines(text), environment.variables)
    try:
        settings, problems = _validate(document, environment, path.absolute().parent)
    except RecursionError:
        raise ConfigError((f"{path}: its tables are nested too deeply",)) from None
    if settings is None or problems:
        raise ConfigError(places.sentences(problems))
    return settings


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        advice = "`spendwatch init` writes one, `--config` or SPENDWATCH_CONFIG names another"
        raise ConfigError((f"{path}: there is no such file; {advice}",)) from None
    except OSError as error:
        raise ConfigError((f"{path}: cannot be read: {error.strerror}",)) from error
    except UnicodeDecodeError:
        raise ConfigError((f"{path}: is not UTF-8 text; save it as UTF-8",)) from None


def _syntax_problem(path: Path, text: str, error: Exception) -> str:
    words = str(error)
    place = _PLACE.search(words)
    column = f" (column {place[2]})" if place and place[2] else ""
    line = int((place and place[1]) or text.rstrip().count("\n") + 1)
    return f"{path}:{line}: is not TOML: {_PLACE.sub('', words)}{column}"


def _validate(
    document: dict[str, Any], environment: Environment, folder: Path
) -> tuple[Settings | None, list[Problem]]:
    """Give the settings if they are valid, and everything that is wrong."""
    problems = take_out_secrets(document)
    secret = {problem.key for problem in problems}
    strangers = sorted(document.keys() - Settings.model_fields.keys())
    refused = [unknown_key((name,), Settings.model_fields) for name in strangers]
    known = {name: value for name, value in document.items() if name not in strangers}
    written = environment.over(known)
    whole = complete(written, folder)
    settings = None
    try:
        settings = Settings.model_validate(whole)
    except ValidationError as error:
        refused += problems_of(error, Settings)
    refused += find_clashes(whole)
    problems += [
        problem
        for problem in refused
        if problem.key not in secret and not _is_inherited(problem.key, written, whole)
    ]
    return settings, [*problems, *environment.problems]


def _is_inherited(key: Key, written: Any, whole: Any) -> bool:
    """Whether this was only inherited, from where it is told already."""
    if key[0] not in ("tenants", "receivers") and key[:2] != ("prices", "rates"):
        return False
    return _holds(whole, key) and not _holds(written, key)


def _holds(document: Any, key: Key) -> bool:
    for part in key:
        if isinstance(part, str):
            inside = isinstance(document, dict) and part in document
        else:
            inside = isinstance(document, list | tuple) and part < len(document)
        if not inside:
            return False
        document = document[part]
    return True
