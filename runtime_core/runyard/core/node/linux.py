"""What only the Linux kernel can tell or do: process control and `/proc`. No rules about jobs."""

# The keeper does without pathlib, which would double what it imports.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import ctypes
import os

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

# Loaded here, so in the keeper: a shim between fork and exec has no time to load a library.
_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none escapes."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signal_number: int) -> None:
    """Receive this signal when the parent ends. It may be gone already: compare `getppid` afterwards."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def boot_id() -> str:
    """Return what changes with every boot of this machine."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def start_ticks(pid: int) -> int:
    """Return when the process started, in clock ticks since boot: with the pid, its identity.

    Raises: ProcessLookupError or FileNotFoundError if there is no such process.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:
        # The second field, the name, may contain spaces and parentheses: count from behind it.
        return int(file.read().rpartition(b")")[2].split()[19])


def descendants(pid: int) -> list[int]:
    """Return the children of a process, their children and so on, as far as they are there now."""
    found, parents = [], [pid]
    while parents:
        parent = parents.pop()
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    children = [int(child) for child in file.read().split()]
                found += children
                parents += children
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
