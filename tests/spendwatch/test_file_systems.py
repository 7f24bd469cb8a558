from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendwatch.file_systems import NETWORKS, network_of

MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 master:2 - ext4 /dev/sda1 rw
22 21 0:5 / /proc rw - proc proc rw
36 21 0:45 / /srv/shared rw - {kind} nas:/export rw,vers=4.2
37 36 8:2 / /srv/shared/local rw - xfs /dev/sdb1 rw
38 21 0:46 / /mnt/two\\040words rw - cifs //nas/share rw
39 21 8:3 / /over rw - ext4 /dev/sdc1 rw
40 21 0:47 / /over rw - nfs nas:/over rw
a line that nobody can read
"""


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_fault_9_every_network_file_system_is_known(kind):
    assert network_of(MOUNTS.format(kind=kind), "/srv/shared/data/spendwatch.db") == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuseblk"])
def test_a_disk_of_this_machine_is_none(kind):
    assert network_of(MOUNTS.format(kind=kind), "/srv/shared/spendwatch.db") == ""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/spendwatch.db", ""),
        ("/srv/shared", "nfs4"),
        ("/srv/shared/local/spendwatch.db", ""),
        ("/srv/sharedlike/spendwatch.db", ""),
        ("/mnt/two words/spendwatch.db", "cifs"),
        ("/over/spendwatch.db", "nfs"),
    ],
)
def test_fault_9_the_mount_that_holds_a_path_is_the_deepest_and_the_latest(path, kind):
    assert network_of(MOUNTS.format(kind="nfs4"), path) == kind


@given(st.text(), st.text())
def test_any_text_is_read_without_a_complaint(mounts, path):
    assert network_of(mounts, path) in {"", *NETWORKS}
