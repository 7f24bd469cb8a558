"""User time of `spendwatch --help`, beside that of a bare interpreter; the best of ten."""

from __future__ import annotations

import resource
import subprocess
import sys

REPETITIONS = 10


def user_time(*arguments: str) -> float:
    """Run the interpreter and return the least user time it took, in seconds."""
    times = []
    for _ in range(REPETITIONS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return min(times)


def main() -> None:
    """Print both, and their ratio."""
    bare = user_time("-c", "pass")
    helped = user_time("-m", "spendwatch.cli", "--help")
    print(f"--help {helped:.3f} s, bare interpreter {bare:.3f} s, ratio {helped / bare:.1f}")


if __name__ == "__main__":
    main()
