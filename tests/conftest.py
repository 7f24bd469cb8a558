"""What every test may ask for."""

from __future__ import annotations

import os
from weakref import finalize

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event
from sqlalchemy.pool import SingletonThreadPool
from sqlmodel import SQLModel

import alerts.tables  # noqa: F401 # declares its tables when imported
import detector.tables  # noqa: F401 # the same
import spendwatch.tables  # noqa: F401 # the same
from detector.vector_triggers import create_triggers
from spendwatch.db import open_engine
from spendwatch.db_engines import WRITES

# The same cases on every machine; a database in each of them makes a case slow, not wrong.
settings.register_profile(
    "spendwatch",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "spendwatch"))

DATABASES = ("sqlite", "postgresql")
ALSO_POOLED = ("test_leading", "test_concurrent_answers", "test_intake", "test_delivery")
"""Where a pooler that shares connections could make a difference."""


def pytest_generate_tests(metafunc):
    """Run whatever asks for a database on each kind of it."""
    if "database_url" in metafunc.fixturenames:
        pooled = metafunc.module.__name__.split(".")[-1] in ALSO_POOLED
        kinds = (*DATABASES, "pgbouncer") if pooled else DATABASES
        metafunc.parametrize("database_url", kinds, indirect=True)


@event.listens_for(Engine, "engine_connect")
def close_with_its_engine(connection):
    """Close what an engine that a test leaves behind has open: Python 3.13 warns of it.

    One in memory is closed by the test: no other thread, such as one that tidies up, may.
    """
    opened = connection.connection
    in_memory = isinstance(connection.engine.pool, SingletonThreadPool)
    if not in_memory and "closes" not in opened.info:
        opened.info["closes"] = True
        finalize(connection.engine.pool, opened.dbapi_connection.close)


@pytest.fixture
def database_url(request, tmp_path):
    """The address of an empty database: a file, or one of a real PostgreSQL server."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'spendwatch.db'}"
        return
    with _server(request.param) as url:
        yield url


def _server(kind):
    if kind == "pgbouncer":
        from tests.pgbouncer import new_pooled_database

        return new_pooled_database()
    from tests.postgresql import new_database

    return new_database()


@pytest.fixture
def database(database_url):
    """An empty database of each kind, with all tables."""
    engine = open_empty(database_url)
    yield engine
    engine.dispose()


def open_empty(url):
    """Open a database as the program does, with the tables as they are declared."""
    engine = open_engine(url)
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        SQLModel.metadata.create_all(connection)
        for statement in create_triggers(connection.dialect.name):
            connection.exec_driver_sql(statement)
    return engine
