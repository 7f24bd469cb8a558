"""A service goes on where nobody reads what it prints; and what failed is not printed twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spendwatch.streams import AtOnce, Forgiving

ROOT = Path(__file__).parents[2]
RESERVED = """
import os, sys
from spendwatch.streams import reserve
reserve()
opened = os.open("/dev/zero", os.O_RDWR)
assert opened > 2, opened
try:
    os.write(1, b"stray")
except OSError:
    sys.exit(7)
"""


def test_what_failed_to_be_written_does_not_come_out_later():
    reading, writing = os.pipe()
    os.close(reading)
    stream = AtOnce(writing)
    with pytest.raises(BrokenPipeError):
        stream.write("first")
    again, other = os.pipe()
    os.dup2(other, writing)
    stream.write("caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    assert os.read(again, 100).decode() == "caf\N{LATIN SMALL LETTER E WITH ACUTE}"
    for number in (writing, again, other):
        os.close(number)


def test_a_log_that_nobody_can_write_is_no_reason_to_stop():
    with open("/dev/full", "w", buffering=1) as full:
        log = Forgiving(full)
        assert log.write("a line\n") == len("a line\n")
        log.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    assert Forgiving(None).write("a line\n") == len("a line\n")
    assert not Forgiving(None).isatty()


def test_the_number_of_a_closed_stream_goes_to_no_database():
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, RESERVED],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 7, "a stray line there still fails"
