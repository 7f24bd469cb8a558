"""What every test may ask for."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import create_engine
from sqlmodel import SQLModel

import alerts.tables  # noqa: F401 # declares its tables when imported
from spendwatch import db

# The same cases on every machine; a database in each of them makes a case slow, not wrong.
settings.register_profile(
    "spendwatch",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "spendwatch"))


@pytest.fixture
def database(tmp_path):
    """An empty database in a real file."""
    engine = open_empty(f"sqlite:///{tmp_path / 'spendwatch.db'}")
    yield engine
    engine.dispose()


def open_empty(url):
    """Open a database as the program does, with the tables as they are declared."""
    engine = create_engine(url)
    db._prepare_sqlite(engine, url)
    SQLModel.metadata.create_all(engine)
    return engine
