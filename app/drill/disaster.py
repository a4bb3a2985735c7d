"""The end of a server: all of its processes at once, without a word, as when its machine burns; or its network."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from app.infra.embedded import Server


def kill_server(server: Server) -> None:
    """``kill -9`` the server on a home with all of its processes."""
    [pid_file] = _folder(server.home).glob("data/postmaster.pid")
    postmaster = int(pid_file.read_text().partition("\n")[0])
    for pid in (*children_of(postmaster), postmaster):
        _send(pid, signal.SIGKILL)


def cut_off(follower: int) -> list[int]:
    """From now on nothing is received any more, by a process that does not notice, as when a network is cut.

    Answers what to ``bury`` once the server is gone.
    """
    receivers = children_of(follower)
    for pid in receivers:
        _send(pid, signal.SIGSTOP)
    return receivers


def bury(receivers: list[int]) -> None:
    """What was on its way when the network was cut never arrives."""
    for pid in receivers:
        _send(pid, signal.SIGKILL)


def children_of(parent: int) -> list[int]:
    """The processes that a process started and that are there still."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [line.split() for line in listed.splitlines()]
    return [int(pid) for pid, of in pairs if int(of) == parent]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _folder(home: Path) -> Path:
    return home / (home / "cluster").read_text().strip()
