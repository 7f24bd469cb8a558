"""A real pgbouncer before the tests' PostgreSQL: connections are shared, one transaction each."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.postgresql import new_database, server

SETTINGS = """
[databases]
* = host={host} user={user}

[pgbouncer]
unix_socket_dir = {folder}
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = 5
max_client_conn = 200
log_connections = 0
log_disconnections = 0
log_pooler_errors = 0
log_stats = 0
"""
PORT = 6432
"""No port of the machine: only the name of a socket in a folder of our own."""


@cache
def program():
    """Where pgbouncer is; Debian keeps it where only administrators look."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@cache
def pooler():
    """Start pgbouncer for this test process, as the user who runs the server."""
    data = Path(server().pgdata)
    address = make_url(server().get_uri())
    folder = Path(tempfile.mkdtemp(prefix="spendwatch-pgb-", dir="/tmp"))
    folder.chmod(0o777)
    settings = folder / "pgbouncer.ini"
    host, user = address.query["host"], address.username
    settings.write_text(SETTINGS.format(host=host, user=user, folder=folder, port=PORT))
    # An administrator may not run it.
    someone = {} if os.geteuid() else {"user": data.stat().st_uid, "group": data.stat().st_gid}
    # It ends with this process, however that ends.
    command = ["setpriv", "--pdeathsig", "KILL", program(), str(settings)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **someone)
    atexit.register(_stop, process, folder)
    told = []
    for line in process.stderr:
        told.append(line)
        if "process up" in line:
            return folder
    pytest.fail(f"pgbouncer did not start: {''.join(told)}")


def _stop(process, folder):
    process.kill()
    process.wait()
    process.stderr.close()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def new_pooled_database(template=None):
    """Make a database, empty or a copy, and give its address behind pgbouncer."""
    if program() is None:
        pytest.skip("pgbouncer is not installed: apt-get install pgbouncer")
    with new_database(template) as url:
        address = make_url(url).set(query={"host": str(pooler()), "port": str(PORT)})
        yield address.render_as_string(hide_password=False)
