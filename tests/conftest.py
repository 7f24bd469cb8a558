"""What every test may ask for."""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
from weakref import finalize

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event
from sqlalchemy.pool import SingletonThreadPool

from tests.databases import open_empty

if importlib.util.find_spec("dateutil") is None:
    # pyarrow looks for it all along the path with every value it converts; now it knows.
    sys.modules["dateutil"] = None

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


def pytest_collection_finish():
    """Look for rubbish in what tests leave behind alone, not in all that was imported."""
    gc.collect()
    gc.freeze()


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
    with _server(request.param, declared="database" in request.fixturenames) as url:
        yield url


def _server(kind, *, declared):
    from tests.postgresql import declared_database, new_database

    template = declared_database() if declared else None
    if kind == "pgbouncer":
        from tests.pgbouncer import new_pooled_database

        return new_pooled_database(template)
    return new_database(template)


@pytest.fixture
def database(database_url):
    """An empty database of each kind, with all tables."""
    engine = open_empty(database_url)
    yield engine
    engine.dispose()
