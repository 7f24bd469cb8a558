"""Mail servers for the tests of mail."""

from __future__ import annotations

import pytest

from tests.mail.local import make_certificate


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))
