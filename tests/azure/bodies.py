"""What Log Analytics says when it does not answer: bodies with the words of its documentation."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]


def error(code: str, message: str, *inner: tuple[str, str]) -> JSON:
    """Nest an error in an error: each ``inner`` is a code and a message, the innermost last."""
    nested: JSON = {}
    for inner_code, inner_message in reversed(inner):
        nested = {"innererror": {"code": inner_code, "message": inner_message, **nested}}
    return {"error": {"code": code, "message": message, **nested}}


def bad_request(*inner: tuple[str, str]) -> JSON:
    return error("BadArgumentError", "The request had some invalid properties", *inner)


def semantic(message: str) -> JSON:
    return bad_request(
        ("SemanticError", "A semantic error occurred."), ("SEM0100", f"'where' operator: {message}")
    )


def missing_table(table: str) -> JSON:
    return semantic(f"Failed to resolve table or column expression named '{table}'")


def missing_column(column: str) -> JSON:
    return semantic(f"Failed to resolve scalar expression named '{column}'")


BAD_SYNTAX = bad_request(
    ("SyntaxError", "A recognition error occurred in the query."),
    ("SYN0002", "Query could not be parsed at 'wher' on line [3,2]"),
)
BASIC_PLAN = bad_request(
    (
        "UnsupportedApiQueryValidationError",
        "Query of Basic Logs table is not supported with the API "
        "'https://api.loganalytics.io/v1/workspaces/{workspaceId}/query'.",
    )
)
UNAUTHENTICATED = error("AuthenticationFailed", "Authentication failed.")
WRONG_TOKEN = error("InvalidAuthenticationToken", "The access token is invalid.")
NO_ROLE = error(
    "InsufficientAccessError",
    "The provided credentials have insufficient access to perform the requested operation",
)
NETWORK_CLOSED = error(
    "InsufficientAccessError",
    "The provided credentials have insufficient access to perform the requested operation",
    ("NspValidationFailedError", "Access to workspace 'logs' from '192.0.2.7' is denied."),
)
NOT_FOUND = error("PathNotFoundError", "The requested path does not exist")
THROTTLED = error("ThrottledError", "Rate limit is exceeded")
TIMED_OUT = error(
    "GatewayTimeout", "Gateway timeout", ("GatewayTimeout", "Unable to unzip response")
)
TOO_LARGE = {
    "code": "PartialError",
    "message": "There were some errors when processing your query.",
    "details": [
        {
            "code": "EngineError",
            "message": "Something went wrong processing your query on the server.",
            "innererror": {
                "code": "-2133196797",
                "message": "Query result set has exceeded the internal record count limit 500000 "
                "(E_QUERY_RESULT_SET_TOO_LARGE; see https://aka.ms/kustoquerylimits)",
            },
        }
    ],
}
BAD_GATEWAY = "<html><body><h1>502 Bad Gateway</h1></body></html>"
