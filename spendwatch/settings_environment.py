"""Settings from environment variables: ``SPENDWATCH_SERVICE__TIME_ZONE`` wins over the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_settings import EnvSettingsSource, SettingsError

from spendwatch.settings_problems import Problem, models_in
from spendwatch.settings_types import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_settings import BaseSettings

    from spendwatch.toml_lines import Key

Setting: TypeAlias = tuple[str, str]
"""A section and a key in it."""

PREFIX = "SPENDWATCH_"
CONFIG_VARIABLE = "SPENDWATCH_CONFIG"
"""Where config.toml is, unless ``--config`` says so; read by the command line."""
COPY_VARIABLE = "SPENDWATCH_COPY_TO"
"""Where `spendwatch db copy` writes to, so that no password stands in a shell's history."""
BOT_TOKEN, APP_TOKEN = "SPENDWATCH_SLACK__BOT_TOKEN", "SPENDWATCH_SLACK__APP_TOKEN"
CLIENT_SECRET = "SPENDWATCH_AZURE__CLIENT_SECRET"  # noqa: S105 - the name of a variable
HEARTBEAT_URL = "SPENDWATCH_OUTBOUND__HEARTBEAT_URL"
WEBHOOK_SECRET = "SPENDWATCH_OUTBOUND__SIGNING_SECRET"  # noqa: S105 - the name of a variable
SECRETS: dict[str, Setting] = {
    "SPENDWATCH_SERVICE__DATABASE_URL": ("service", "database_url"),
    BOT_TOKEN: ("slack", "bot_token"),
    APP_TOKEN: ("slack", "app_token"),
    CLIENT_SECRET: ("azure", "client_secret"),
    HEARTBEAT_URL: ("outbound", "heartbeat_url"),
    WEBHOOK_SECRET: ("outbound", "signing_secret"),
}
"""What may also be read from a file, such as a mounted secret, whose path the variable gives."""
SECRET_FILES = {f"{name}_FILE": name for name in SECRETS}
# Kubernetes sets these in every pod beside a Service that is called spendwatch.
_KUBERNETES = re.compile(
    r"SPENDWATCH_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_[A-Z_]+)?)"
)


@dataclass(frozen=True, slots=True)
class Environment:
    """What the environment sets: values by key, the variable of each, and what is wrong."""

    values: dict[Setting, Any] = field(default_factory=dict)
    variables: dict[Key, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def over(self, document: dict[str, Any]) -> dict[str, Any]:
        """Give ``document`` with what the environment sets laid over it."""
        merged = dict(document)
        for (section, key), value in self.values.items():
            table: Any = merged.get(section, {})
            if isinstance(table, dict):
                merged[section] = {**table, key: value}
        return merged


def variable_names(root: type[BaseSettings]) -> dict[str, Setting]:
    """Give every variable that is understood, with the key it sets.

    Lists of tables (sources, tenants, receivers, routes, rates) are set in the file alone.
    """
    return {
        f"{PREFIX}{section}__{key}".upper(): (section, key)
        for section, table in root.model_fields.items()
        if isinstance(table.annotation, type)
        for model in models_in(table.annotation)
        for key, inner in model.model_fields.items()
        if not models_in(inner.annotation)
    }


def read_environment(root: type[BaseSettings], environ: Mapping[str, str]) -> Environment:
    """Read every variable that begins with SPENDWATCH_; an unknown one is a problem."""
    known = variable_names(root)
    found = Environment()
    for name in sorted(environ):
        if name in known:
            _read(found, root, name, known[name], environ[name])
        elif name in SECRET_FILES:
            _read_file(found, name, environ)
        elif not _is_foreign(name):
            others = (*SECRET_FILES, CONFIG_VARIABLE, COPY_VARIABLE)
            text = f"unknown variable{nearest(name, [*known, *others])}"
            found.problems.append(Problem((), text, name))
    return found


def _is_foreign(name: str) -> bool:
    return (
        not name.upper().startswith(PREFIX)
        or name in (CONFIG_VARIABLE, COPY_VARIABLE)
        or _KUBERNETES.fullmatch(name) is not None
    )


def _read(found: Environment, root: type[BaseSettings], name: str, key: Setting, text: str) -> None:
    """Let pydantic-settings turn the text into a value: lists are written as JSON."""
    source = EnvSettingsSource(root, env_prefix=PREFIX, env_nested_delimiter="__")
    source.env_vars = {name.lower(): text}
    try:
        section, last = key
        found.values[key] = source()[section][last]
    except SettingsError:
        words = 'must be a JSON list such as [50, 80, 100] or ["a", "b"]'
        found.problems.append(Problem((), words, name))
    found.variables[key] = name


def _read_file(found: Environment, name: str, environ: Mapping[str, str]) -> None:
    if SECRET_FILES[name] in environ:
        text = f"set either this or {SECRET_FILES[name]}, not both"
        found.problems.append(Problem((), text, name))
        return
    try:
        secret = Path(environ[name]).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        # The error of a failed decoding would repeat the file's content.
        why = error.strerror if isinstance(error, OSError) else "it is no text file"
        text = f"the file {environ[name]!r} cannot be read: {why}"
        found.problems.append(Problem((), text, name))
        return
    key = SECRETS[SECRET_FILES[name]]
    found.values[key] = secret
    found.variables[key] = name
