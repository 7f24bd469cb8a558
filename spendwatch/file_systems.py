"""Which file system a path lies on, as Linux tells it; a pure function over the text.

SQLite keeps two writers apart by locks and by memory that they share. A file system of a network
gives neither to two machines, and so a database on one is lost in the end.
"""

from __future__ import annotations

import re

NETWORKS = frozenset(
    {
        "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph", "fuse.davfs2",
        "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs2", "glusterfs", "gpfs",
        "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
    }
)  # fmt: skip
_ESCAPED = re.compile(r"\\([0-7]{3})")
_PLACE, _KIND = 4, 0


def network_of(mounts: str, path: str) -> str:
    r"""Return the kind of network file system that a path lies on; empty where it is none.

    Parameters
    ----------
    mounts : str
        What ``/proc/self/mountinfo`` holds: one mount a line, later ones over earlier ones. A line
        that cannot be read counts as none.
    path : str
        Absolute, without links; need not exist.

    Examples
    --------
    >>> mounts = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n36 21 0:45 / /srv rw - nfs4 nas:/srv rw"
    >>> network_of(mounts, "/srv/spendwatch.db"), network_of(mounts, "/srvx/spendwatch.db")
    ('nfs4', '')
    """
    best, found = -1, ""
    for line in mounts.splitlines():
        place, kind = _mount(line)
        if len(place) >= best and _holds(place, path):
            best, found = len(place), kind
    return found if found in NETWORKS else ""


def _mount(line: str) -> tuple[str, str]:
    """Return where a mount stands and its kind; optional fields end with a lone hyphen."""
    before, _, after = line.partition(" - ")
    fields, kinds = before.split(" "), after.split(" ")
    if len(fields) <= _PLACE:
        return "", ""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), fields[_PLACE]), kinds[_KIND]


def _holds(place: str, path: str) -> bool:
    return bool(place) and (path == place or path.startswith(f"{place.rstrip('/')}/"))
