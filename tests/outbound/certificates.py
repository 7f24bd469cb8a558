"""An authority of our own, and the certificates that it signs; made by openssl."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Authority:
    """Signs certificates for names; ``file`` is what whoever trusts it is given."""

    folder: Path

    @property
    def file(self) -> Path:
        """Its own certificate."""
        return self.folder / "ca.pem"

    def server(self, *names: str) -> ssl.SSLContext:
        """Make what a server of these names shows."""
        stem = self.folder / names[0]
        alternatives = ",".join(f"DNS:{name}" for name in names)
        _openssl(
            "req", "-x509", *_KEY, "-keyout", f"{stem}.key", "-out", f"{stem}.pem",
            "-subj", f"/CN={names[0]}", "-addext", f"subjectAltName={alternatives}",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-CA", str(self.file), "-CAkey", str(self.folder / "ca.key"),
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{stem}.pem", f"{stem}.key")
        return context


def make_authority(folder: Path) -> Authority:
    """Make an authority; skips the test where there is no openssl of version 3."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl, to make certificates")
    folder.mkdir(parents=True, exist_ok=True)
    _openssl(
        "req", "-x509", *_KEY, "-keyout", str(folder / "ca.key"), "-out", str(folder / "ca.pem"),
        "-subj", "/CN=an authority of the tests",
        "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    return Authority(folder)


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)
