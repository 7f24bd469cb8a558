"""A local Azure Communication Services for tests: takes mails as its API does, and judges them.

It knows the operations that were begun, refuses a second mail under the id of one that it took, and
answers in the way that a test asks for.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SEND, OPERATIONS = "/emails:send", "/emails/operations/"


@dataclass
class LocalAzure:
    """What it took, by operation, and what it shall answer.

    An answer is a status code, or ``drop`` (before it is taken), ``drop after`` (once it was).
    """

    mails: dict = field(default_factory=dict)
    answers: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    headers: list = field(default_factory=list)
    looked_up: list = field(default_factory=list)

    @property
    def message_ids(self):
        """The ids of what was taken."""
        return [mail["headers"]["Message-ID"] for mail in self.mails.values()]

    def problem(self, mail):
        """Say what is wrong with a mail; empty where nothing is."""
        if not {"senderAddress", "recipients", "content", "headers"} <= mail.keys():
            return "a field is missing"
        if len(mail["recipients"]["to"]) != 1 or mail["recipients"].keys() != {"to"}:
            return "one recipient is expected"
        if mail["headers"]["Message-ID"] in self.message_ids:
            return "there is a mail of this Message-ID already"
        return ""


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, azure, *arguments):
        self.azure = azure
        super().__init__(*arguments)

    def do_POST(self):
        mail = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.azure.headers.append(dict(self.headers))
        answer = self.azure.answers.pop(0) if self.azure.answers else 202
        if answer == "drop":
            return self._drop()
        if answer not in (202, "drop after"):
            return self._say(answer, {"error": {"code": "Asked", "message": "as asked"}})
        operation = self.headers["Operation-Id"]
        if problem := self.azure.problem(mail):
            return self._say(400, {"error": {"code": "BadRequest", "message": problem}})
        self.azure.mails[operation] = mail
        if answer == "drop after":
            return self._drop()
        place = f"http://{self.headers['Host']}{OPERATIONS}{operation}?api-version=2025-09-01"
        return self._say(202, {"id": operation, "status": "Running"}, place)

    def do_GET(self):
        operation = self.path.removeprefix(OPERATIONS).partition("?")[0]
        self.azure.looked_up.append(operation)
        if operation not in self.azure.mails:
            return self._say(404, {"error": {"code": "NotFound", "message": "no such operation"}})
        status = self.azure.statuses.pop(0) if self.azure.statuses else "Succeeded"
        return self._say(200, {"id": operation, "status": status})

    def log_message(self, *_):
        pass

    def _drop(self):
        self.close_connection = True
        self.connection.close()

    def _say(self, status, body, place=""):
        said = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        if place:
            self.send_header("Operation-Location", place)
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(said)


@contextmanager
def azure_mail():
    """Have it; give it, and its address."""
    azure = LocalAzure()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answers, azure))
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield azure, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
