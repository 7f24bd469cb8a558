"""Whether a SQLite file can be trusted and written to, seen before SQLite touches it.

SQLite mends what it can and throws away what it takes for rubbish: an empty file beside a full
``-wal`` loses both. So what looks damaged is refused first, and never written to.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from spendwatch.file_systems import network_of

MOUNTS = Path("/proc/self/mountinfo")
RESTORE = "`spendwatch db restore FILE` puts a backup in its place and keeps this file"
_HEADER_BYTES, _MAGIC = 100, b"SQLite format 3\x00"
_LARGEST_PAGE = 65_536


def why_unusable(file: Path) -> str:
    """Say why nothing can be kept in this file; empty where it can, or there is none yet."""
    return _on_a_network(file) or _read_only(file)


def why_damaged(file: Path) -> str:
    """Say what is wrong with a database file; empty where nothing is to be seen from outside.

    An empty file is a database that holds nothing yet, unless something beside it says that it
    was in use.
    """
    if not _size(file):
        return _emptied(file)
    if _size(beside(file, "-wal")):
        return ""  # what the file lacks may stand there; SQLite puts the two together
    header = _header(file)
    if header is None or not header.startswith(_MAGIC):
        return ""  # SQLite itself says that it is no database
    wanted = int.from_bytes(header[28:32], "big") * _page_bytes(header)
    there = _size(file)
    # Looked at once more: another process may just have moved its -wal into the file.
    if there < wanted and not _size(beside(file, "-wal")) and _header(file) == header:
        return f"it was cut off: {there:,} of {wanted:,} bytes are there"
    return ""


def beside(file: Path, ending: str) -> Path:
    """Return a file that belongs to a database and stands beside it, such as its ``-wal``."""
    return file.with_name(f"{file.name}{ending}")


def _on_a_network(file: Path) -> str:
    mounts = ""
    with suppress(OSError):  # not every machine tells; then nothing is known
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    kind = network_of(mounts, str(file.resolve()))
    if not kind:
        return ""
    return (
        f"it lies on a network file system ({kind}), where SQLite loses what two processes write: "
        "keep it on a disk of this machine (service.database_url), or use PostgreSQL"
    )


def _read_only(file: Path) -> str:
    for part in (file, file.parent):
        if part.exists() and not os.access(part, os.W_OK, effective_ids=True):
            return (
                f"{part} is read-only for this user (uid {os.geteuid()}), or its disk is: SQLite "
                "writes to the file and beside it; change the owner, or mount it writable"
            )
    return ""


def _emptied(file: Path) -> str:
    state = "is empty" if file.exists() else "is gone"
    if _size(beside(file, "-wal")):
        return f"it {state}, but its {file.name}-wal is not, which SQLite would throw away"
    if file.exists() and beside(file, ".lock").exists():
        return f"it {state}, and {file.name}.lock says that it was in use"
    return ""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _header(file: Path) -> bytes | None:
    with file.open("rb") as opened:
        header = opened.read(_HEADER_BYTES)
    return header if len(header) == _HEADER_BYTES else None


def _page_bytes(header: bytes) -> int:
    named = int.from_bytes(header[16:18], "big")
    return _LARGEST_PAGE if named == 1 else named
