"""The local Log Analytics as tests use it: start it, let things go wrong, read everything back."""

from __future__ import annotations

import json
from typing import Any

from tests.azure.state import TOKEN, Request
from tests.local_process import LocalProcess

WORKSPACE = "11111111-2222-3333-4444-555555555555"
RESOURCE = (
    "/subscriptions/0/resourceGroups/apps/providers/microsoft.insights/components/gateway-insights"
)


class LocalLogAnalytics(LocalProcess):
    """A local Log Analytics in a process of its own.

    ``engine`` is ``package.module:callable``; what it makes of ``engine_options`` runs the queries.
    """

    token, workspace, resource = TOKEN, WORKSPACE, RESOURCE

    def __init__(self, engine: str = "", **engine_options: Any) -> None:
        options = ["--engine", engine, "--engine-options", json.dumps(engine_options)]
        super().__init__("tests.azure.server", *(options if engine else ()))

    @property
    def endpoint(self) -> str:
        """What ``endpoint`` in the settings takes."""
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        """Forget everything but what the engine knows."""
        self.control("reset")

    def configure(self, **settings: Any) -> None:
        """Change fields of state.Settings: tokens, places, most_rows, most_in_window, ..."""
        self.control("configure", **settings)

    def put(
        self, columns: dict[str, str], rows: list[list[Any]], match: str = "", time: str = ""
    ) -> None:
        """Answer queries that contain ``match`` with these rows, whose ``time`` is in the window.

        ``columns`` are names with their KQL types.
        """
        named = [[name, kind] for name, kind in columns.items()]
        self.control("put", match=match, columns=named, rows=rows, time=time)

    def engine(self, call: str, /, **arguments: Any) -> Any:
        """Call a method of the engine."""
        return self.control("engine", call=call, arguments=arguments)

    def fault(self, kind: str, /, **more: Any) -> None:
        """Script a fault; more: fields of faults.Fault."""
        self.control("fault", kind=kind, **more)

    def refuse(self, status: int, body: Any = "", /, **more: Any) -> None:
        """Answer the next query like this; more: headers, count, skip, match, place."""
        self.fault("answer", status=status, body=body, **more)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self.control("clear_faults")

    def requests(self) -> list[Request]:
        """Read all queries, in the order in which they came."""
        return [Request(**each) for each in self.control("requests")]

    @property
    def on_their_way(self) -> int:
        """How many queries wait for their answer now."""
        return int(self.control("on_their_way"))

    def let_go(self) -> None:
        """Let the queries that hang or are delayed go on."""
        self.control("let_go")

    @property
    def most_at_once(self) -> int:
        """The most queries that were ever on their way together."""
        return max((each.at_once for each in self.requests()), default=0)
