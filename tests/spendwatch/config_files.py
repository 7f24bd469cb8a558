"""Config files for the tests of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spendwatch.settings import ConfigError, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENOUGH = """
[[receivers]]
kind = "console"
name = "finops"
[alerts]
receiver = "finops"
"""
BUDGET = '[[tenants]]\nid = "acme"\n[[tenants.budgets]]\n'
RATE = '[[prices.rates]]\nmodel = "m"\neffective_from = 2026-01-01\ninput = "1"\noutput = "2"\n'


def load(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, *, enough: str = ENOUGH
) -> Settings:
    """Load a config file that has a receiver and, before it, ``text``."""
    path = tmp_path / "config.toml"
    path.write_text(text + enough, encoding="utf-8")
    return load_settings(path, environ or {})


def problems(
    tmp_path: Path, text: str, environ: Mapping[str, str] | None = None, *, enough: str = ENOUGH
) -> list[str]:
    """Give what is wrong with a config file, file names cut to what follows the folder."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, environ, enough=enough)
    return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]
