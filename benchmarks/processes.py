"""What a process and its descendants have used of the CPU, as Linux tells it in /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time, user and system, of a process and all that descend from it."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (stat := _stat(entry)) is not None:
            parents[int(entry.name)] = int(stat[1])
            # utime, stime, and those of children that have ended and been waited for
            ticks[int(entry.name)] = sum(int(stat[i]) for i in (11, 12, 13, 14))
    return sum(used for one, used in ticks.items() if _descends(one, pid, parents)) / _TICKS


def _stat(entry: Path) -> list[str] | None:
    """Return the fields after the command's name, which may hold anything; None if it ended."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    while pid and pid != ancestor:
        pid = parents.get(pid, 0)
    return pid == ancestor


def largest(pid: int) -> int:
    """Return the one of a process and all that descend from it that holds most memory."""
    parents = {
        int(entry.name): int(stat[1])
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and (stat := _stat(entry)) is not None
    }
    return max((one for one in parents if _descends(one, pid, parents)), key=resident)


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds, 0 if it has ended."""
    try:
        pages = (Path("/proc") / str(pid) / "statm").read_text().split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
