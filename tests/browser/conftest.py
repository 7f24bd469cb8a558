"""What tests in a real browser ask for; without one they are skipped and say so."""

from __future__ import annotations

import os
import shutil

import pytest

from docs.pictures.draw import BROWSERS
from tests.browser.driving import opened


@pytest.fixture(scope="session")
def tab(tmp_path_factory):
    """A tab of a Chromium that is installed, or that CHROMIUM names."""
    named = os.environ.get("CHROMIUM")
    browser = next(filter(None, map(shutil.which, [named] if named else BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed, and CHROMIUM names none")
    with opened(browser, tmp_path_factory.mktemp("chromium")) as tab:
        yield tab
