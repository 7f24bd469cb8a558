"""Pure: what is said of a query that Log Analytics refuses, and what to change for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_QUOTE = 300


def explain_refusal(codes: Sequence[str], message: str, text: str) -> str:
    """Say why a query is refused, and what to change.

    Parameters
    ----------
    codes : sequence of str
        Of the error, from the outermost in.
    message : str
        The innermost.
    text : str
        The query.

    Examples
    --------
    >>> explain_refusal(["SEM0100"], "'where' operator: Failed to resolve table expression "
    ...                 "named 'Nope'", "Nope | where true")
    'there is no table Nope; check the name, and that data was sent to it'
    """
    if "UnsupportedApiQueryValidationError" in codes or _BASIC.search(message):
        return _basic_plan(text)
    found = _UNRESOLVED.search(message)
    if found:
        return _unresolved(found["what"], found["name"])
    name = " ".join(dict.fromkeys(("400", *codes)))
    return f"the query is not understood ({name}){quoted(message)}; correct it"


def quoted(message: str) -> str:
    """Put what the service says behind what we say, if it says anything."""
    return f": {shortened(message)}" if message else ""


def shortened(message: str) -> str:
    """Put what somebody else wrote on one line of bearable length."""
    return " ".join(message.split())[:LONGEST_QUOTE]


_BASIC = re.compile(r"\b(Basic|Auxiliary) (Logs )?table|\b(Basic|Auxiliary) (Logs|plan)\b")
_UNRESOLVED = re.compile(
    r"Failed to resolve (?P<what>[a-z ]*?)(?: expression)? ?(?:named )?'(?P<name>[^']{1,128})'"
)
_RESOURCE_SPECIFIC = (
    'with the destination table "Resource specific"; without that its rows are in AzureDiagnostics'
)
_TABLES = {
    "ApiManagementGatewayLlmLog": "in the diagnostic setting of API Management tick "
    f'"Logs related to generative AI gateway" (GatewayLlmLogs), {_RESOURCE_SPECIFIC}',
    "ApiManagementGatewayLogs": "in the diagnostic setting of API Management tick "
    f'"Logs related to ApiManagement Gateway" (GatewayLogs), {_RESOURCE_SPECIFIC}',
    "AppMetrics": "it is there once a workspace-based Application Insights sends to this "
    "workspace; give a classic one as application_insights, by its resource id",
    "AppTraces": "it is there once a workspace-based Application Insights sends to this workspace "
    "and a trace policy has written to it",
    "customMetrics": "it is only there in Application Insights: set application_insights to its "
    "resource id, in place of workspace_id",
    "AzureDiagnostics": "no diagnostic setting sends to it, which is well where all of them are "
    '"Resource specific"',
}


_COLUMN = (
    "it is spelt otherwise, or a transformation of the workspace (a data collection rule) renamed "
    "or dropped it; compare the query with the table's columns (Log Analytics workspace, Tables)"
)


def _basic_plan(text: str) -> str:
    """Name the tables that the query reads: the service does not say which of them it is."""
    read = [table for table in _TABLES if re.search(rf"\b{table}\b", text)]
    return (
        f"a table it reads ({', '.join(read) or 'see the query'}) has the plan Basic or Auxiliary, "
        "which cannot be joined or asked by workspace; change its plan to Analytics (Log Analytics "
        "workspace, Tables, Manage table)"
    )


def _unresolved(what: str, name: str) -> str:
    if name in _TABLES:
        return f"there is no table {name}: {_TABLES[name]}"
    if "table" in what and "column" not in what:
        return f"there is no table {name}; check the name, and that data was sent to it"
    if "scalar" in what or what.strip() == "column":
        return f"there is no column {name}: {_COLUMN}"
    return (
        f"there is no table or column {name}: a table is there once data was sent to it; "
        f"of a column: {_COLUMN}"
    )
