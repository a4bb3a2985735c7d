"""CPU time of the database's server, from the kernel's own counts."""

import os
from pathlib import Path

from app.infra.embedded import Server

_TICK = os.sysconf("SC_CLK_TCK")


def server_cpu(server: Server) -> float:
    """Seconds of CPU that the server and all its processes have taken, those that ended among them."""
    cluster = server.home / (server.home / "cluster").read_text().strip()
    postmaster = int((cluster / "data" / "postmaster.pid").read_text().split()[0])
    while True:
        seen = _children(postmaster)
        # Its own, and at the end that of children that it has heard the end of.
        total = sum(_times(postmaster)[:4]) + sum(sum(_times(child)[:2]) for child in seen)
        if seen == _children(postmaster):  # else one may be counted twice, or not at all
            return total / _TICK


def _children(postmaster: int) -> set[int]:
    return set(map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()))


def _times(process: int) -> list[int]:
    """User, system, and both of its ended children, in ticks; nothing of a process that is gone."""
    try:
        return [int(each) for each in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]]
    except (FileNotFoundError, ProcessLookupError):
        return [0]
