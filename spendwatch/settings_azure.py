"""The settings of Azure Monitor: one identity in one cloud, and three kinds of source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from spendwatch.settings_sections import Section, UsageColumns
from spendwatch.settings_types import (
    FilePath,
    Name,
    Scope,
    ScopeOrEmpty,
    Text,
    address,
    shown,
    text,
    whole,
)

if TYPE_CHECKING:
    pass

Cloud = Literal["public", "us_government", "china"]
CredentialKind = Literal["default", "managed_identity", "workload_identity", "client_secret"]
CarrierKind = Literal[
    "subscription",
    "product",
    "user",
    "api",
    "backend",
    "request_header",
    "response_header",
    "trace",
    "dimension",
]
NAMED_CARRIERS = ("request_header", "response_header", "trace", "dimension")
"""Carriers of which there are many: the name says which."""
LOG_CARRIERS: tuple[CarrierKind, ...] = (
    "subscription",
    "product",
    "user",
    "api",
    "backend",
    "request_header",
    "response_header",
    "trace",
)
METRIC_CARRIERS: tuple[CarrierKind, ...] = ("dimension", "api")
"""What identifies a call in the gateway's logs, and what in its metrics."""

_HEX = "[0-9a-fA-F]"
_GUID = re.compile(rf"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}")
_DOMAIN = re.compile(r"(?=.{4,253}$)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")
_HEADER = re.compile(r"[A-Za-z0-9 ._-]{1,64}")
_RESOURCE = re.compile(
    rf"/subscriptions/{_GUID.pattern}/resourceGroups/[\w.()-]{{1,90}}"
    r"/providers/microsoft\.insights/components/[^/\s?#&%\"'\\]{1,260}",
    re.IGNORECASE,
)


def guid(value: Any) -> str:
    """Accept an id of Azure's, in lower case."""
    if isinstance(value, str) and _GUID.fullmatch(value):
        return value.lower()
    raise ValueError(
        "must be an id such as 0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0 (a GUID; not a name, and not "
        f"a resource id), not {shown(value)}"
    )


def guid_or_empty(value: Any) -> str:
    """Accept the same, or nothing."""
    return "" if value == "" else guid(value)


def directory_or_empty(value: Any) -> str:
    """Accept a directory of Microsoft Entra, by its id or one of its domains; or nothing."""
    if isinstance(value, str) and (not value or _GUID.fullmatch(value) or _DOMAIN.fullmatch(value)):
        return value.lower()
    raise ValueError(
        "must be the directory (tenant) id of Microsoft Entra, a GUID, or one of its domains such "
        f"as contoso.onmicrosoft.com, not {shown(value)}"
    )


def insights_or_empty(value: Any) -> str:
    """Accept the resource id of an Application Insights, or nothing."""
    if isinstance(value, str) and (not value or _RESOURCE.fullmatch(value)):
        return value
    raise ValueError(
        "must be the resource id of an Application Insights (under its Properties): "
        "/subscriptions/<id>/resourceGroups/<group>/providers/microsoft.insights/components/"
        f"<name>, not {shown(value)}"
    )


def address_or_empty(value: Any) -> str:
    """Accept where queries are sent to, or nothing; the path to them is the service's own."""
    found = "" if value == "" else address(value).removesuffix("/v1")
    if urlsplit(found).path:
        raise ValueError(
            f"must be an address without a path, such as https://host, not {shown(value)}"
        )
    return found


def telemetry_name(value: Any) -> str:
    """Accept the name of a header, of a trace property or of a metric dimension."""
    if isinstance(value, str) and _HEADER.fullmatch(value):
        return value
    raise ValueError(
        "must be a name of 1 to 64 letters, digits, spaces, dots, dashes and underscores, not "
        f"{shown(value)}"
    )


def telemetry_name_or_empty(value: Any) -> str:
    """Accept the same, or nothing."""
    return "" if value == "" else telemetry_name(value)


def secret(value: Any) -> Any:
    """Take a client secret, and never repeat what is none."""
    if isinstance(value, str) and text(value) == value.strip():
        return value
    raise ValueError("must be the value of a client secret: one line, without spaces around it")


Guid = Annotated[str, BeforeValidator(guid)]
GuidOrEmpty = Annotated[str, BeforeValidator(guid_or_empty)]
TelemetryName = Annotated[str, BeforeValidator(telemetry_name)]
TelemetryNameOrEmpty = Annotated[str, BeforeValidator(telemetry_name_or_empty)]


class AzureSettings(Section):
    """Who asks, in which cloud, and how patiently; the secret comes from the environment alone."""

    cloud: Cloud = "public"
    credential: CredentialKind = "default"
    tenant_id: Annotated[str, BeforeValidator(directory_or_empty)] = ""
    client_id: GuidOrEmpty = ""
    client_secret: Annotated[SecretStr, BeforeValidator(secret)] = Field(SecretStr(""), repr=False)
    endpoint: Annotated[str, BeforeValidator(address_or_empty)] = ""
    query_timeout_s: Annotated[int, whole(10, 600)] = 180
    run_timeout_s: Annotated[int, whole(10, 86_400)] = 900


class IdentitySettings(Section):
    """Whom an id stands for."""

    tenant: Text = ""
    feature: Text = ""
    cost_centre: Text = ""


class CarrierSettings(Section):
    """Where a call says whose it is, and whom each id stands for where it is no tenant itself.

    ``ids`` has the ids that are known; in the file a text stands for the tenant, or in a list of
    features for the feature.
    """

    carrier: CarrierKind
    name: TelemetryNameOrEmpty = ""
    file: FilePath | None = None
    ids: dict[str, IdentitySettings] = Field(default_factory=dict)


class ScopeSettings(Section):
    """Where the models behind a backend, or of a deployment, are served."""

    backend: Text = ""
    deployment: Text = ""
    scope: Scope

    @model_validator(mode="after")
    def _names_something(self) -> ScopeSettings:
        if not (self.backend or self.deployment):
            raise ValueError("must name a backend, a deployment or both; * stands for anything")
        return self


class AzureSource(Section):
    """What the sources of all three kinds have."""

    name: Name
    workspace_id: GuidOrEmpty = ""
    scope: ScopeOrEmpty = ""


class AttributedSource(AzureSource):
    """One whose rows carry ids of a gateway."""

    slot: Literal["auto", "hour", "quarter_hour"] = "auto"
    tenant: tuple[CarrierSettings, ...] = ()
    feature: tuple[CarrierSettings, ...] = ()
    scopes: tuple[ScopeSettings, ...] = ()


class AzureLogsSource(AttributedSource):
    """A gateway's own logs of calls and of tokens, joined."""

    kind: Literal["azure_logs"]
    workspace_id: Guid
    apis: tuple[Name, ...] = ()
    tenant: tuple[CarrierSettings, ...] = (CarrierSettings(carrier="subscription"),)
    feature: tuple[CarrierSettings, ...] = (CarrierSettings(carrier="api"),)
    spillover_scope: ScopeOrEmpty = "global"
    cached_tokens_header: TelemetryNameOrEmpty = "X-Cached-Tokens"


class AzureMetricsSource(AttributedSource):
    """The metrics a gateway emits of tokens."""

    kind: Literal["azure_metrics"]
    application_insights: Annotated[str, BeforeValidator(insights_or_empty)] = ""
    services: tuple[Name, ...] = ()
    tenant: tuple[CarrierSettings, ...] = (
        CarrierSettings(carrier="dimension", name="Subscription ID"),
    )
    feature: tuple[CarrierSettings, ...] = (CarrierSettings(carrier="api"),)
    model_dimension: TelemetryNameOrEmpty = "Model"
    deployment_dimension: TelemetryNameOrEmpty = ""
    api_dimension: TelemetryNameOrEmpty = "API ID"
    streamed_dimension: TelemetryNameOrEmpty = ""

    @model_validator(mode="after")
    def _asks_one_place(self) -> AzureMetricsSource:
        if bool(self.workspace_id) == bool(self.application_insights):
            raise ValueError(
                "must name either workspace_id (metrics in AppMetrics) or application_insights "
                "(metrics in customMetrics)"
            )
        return self


class KustoQuerySource(AzureSource):
    """A query of the user's own."""

    kind: Literal["kusto_query"]
    workspace_id: Guid
    query: FilePath
    columns: UsageColumns = UsageColumns()
    grain: Literal["hour", "quarter_hour", "day"] = "hour"


AnyAzureSource = AzureLogsSource | AzureMetricsSource | KustoQuerySource
AZURE_KINDS = ("azure_logs", "azure_metrics", "kusto_query")
