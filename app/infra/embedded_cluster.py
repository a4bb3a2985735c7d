"""One database cluster of the embedded PostgreSQL: made, started, asked, stopped.

Whoever calls holds the home's start lock, so that no two processes of ours do this at once.
"""

import os
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.infra.embedded_install import EmbeddedServerError, Runner

PORT: Final = 5432  # only names the socket's file: the server does not listen on TCP
SUPERUSER: Final = "postgres"

_START_SECONDS: Final = 300.0  # a crash may leave 2 GB of log to replay
_STOP_SECONDS: Final = 60.0
_ATTEMPTS: Final = 5
_LOG_BYTES: Final = 10_000_000
_SOCKET_PATH_BYTES: Final = 100

#: For two cores and 4 GB or more. Larger machines have a server of their own, named by ``DATABASE_URL``.
_SETTINGS: Final = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    # A backup's receiver that stays away must not fill the disk and stop everything.
    "max_slot_wal_keep_size": "16GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
    "cluster_name": "wealthgraph",
}
_DURABLE: Final = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
_FORGETFUL: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files in ``folder``, whose name is unique, and the server on them, which writes to ``log``."""

    folder: Path
    runner: Runner
    log: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        """The private folder of the server's socket; a short one when the usual path is too long."""
        usual = self.folder / "socket"
        if len(os.fsencode(_socket_in(usual))) < _SOCKET_PATH_BYTES:
            return usual
        return Path("/tmp", f"wealthgraph-{self.folder.name}")  # noqa: S108 - checked in _make_sockets

    def create(self, *, durable: bool) -> None:
        """Make an empty cluster. The folder must not exist; it is worthless unless this returns."""
        self.runner.make_folder(self.folder)
        options = ["--username", SUPERUSER, "--auth-local", "trust", "--auth-host", "reject"]
        options += ["--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin"]
        options += ["--builtin-locale", "C.UTF-8"]
        if not durable:
            options += ["--no-sync"]
        status, output = self.runner.run(self.runner.root / "bin" / "initdb", *options, "-D", self.data)
        if status != 0:
            raise EmbeddedServerError(f"initdb in {self.data} failed:\n{output.strip()}")

    def start(self, *, durable: bool, patience: float = _START_SECONDS, attempts: int = _ATTEMPTS) -> None:
        """Return once the server accepts connections, having started it unless it runs already."""
        deadline = time.monotonic() + patience
        attempt = 0
        pid = None
        while not self.answers():
            if pid is None or not self._is_server(pid):
                pid = self.server()
            if pid is None:
                # The processes of a killed server may take a moment to leave, and keep a new one out.
                if attempt == attempts:
                    raise self._error("does not start")
                time.sleep(attempt / 5)
                attempt += 1
                self._make_sockets()
                self._disown(self._pid_file)
                self._disown(Path(_socket_in(self.sockets) + ".lock"))
                pid = self._spawn(durable=durable)
            if time.monotonic() > deadline:
                raise self._error(f"(pid {pid}) does not answer after {patience:.0f} s")
            time.sleep(0.01)

    def stop(self) -> None:
        """Close connections, roll back what is open, write everything down, and wait for the end."""
        pid = self.server()
        if pid is None:
            return
        # What does not end the polite way ends the quick way, and recovers at the next start.
        for number in (signal.SIGINT, signal.SIGQUIT):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline:
                if not self._is_server(pid):
                    return
                time.sleep(0.01)
        raise self._error(f"(pid {pid}) does not stop")

    def server(self) -> int | None:
        """The process id of the server that runs on this cluster, or None.

        The pid file alone proves nothing: after a crash its number may have gone to another program.
        """
        try:
            pid = int(self._pid_file.read_text().partition("\n")[0])
        except (FileNotFoundError, ValueError):
            return None
        return pid if self._is_server(pid) else None

    def answers(self) -> bool:
        """Whether the server accepts connections now (or has as many as it can take)."""
        user = f"user\0{SUPERUSER}\0database\0{SUPERUSER}\0\0".encode()
        hello = struct.pack("!ii", 8 + len(user), 3 << 16) + user
        goodbye = struct.pack("!ci", b"X", 4)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            try:
                client.connect(_socket_in(self.sockets))
                client.sendall(hello + goodbye)
                reply = b"".join(iter(lambda: client.recv(4096), b""))
            except OSError:
                return False
        # "R" goes on to authentication; "E" refuses, with 57P03 while the server starts, recovers or stops.
        return reply[:1] == b"R" or (reply[:1] == b"E" and b"\0C57P03\0" not in reply)

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _spawn(self, *, durable: bool) -> int:
        """Start the server as nobody's child, so that it outlives us and never stays behind as a zombie."""
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES:
            self.log.rename(self.log.with_suffix(".log.1"))
        settings = _SETTINGS | (_DURABLE if durable else _FORGETFUL)
        settings["unix_socket_directories"] = '"' + str(self.sockets).replace('"', '""') + '"'
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [self.runner.root / "bin" / "postgres", "-D", self.data, *options]
        with self.log.open("ab") as log:
            shell = ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh"]
            status, output = self.runner.run(*shell, *command, errors=log)
        if status != 0:
            raise self._error(f"cannot be started by /bin/sh (exit status {status})")
        return int(output)

    def _is_server(self, pid: int) -> bool:
        """Whether that process is a server on this cluster, by its command line (a zombie has none)."""
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            if Path("/proc/self").exists():
                return False
        _, line = self.runner.run("ps", "-o", "state=,command=", "-p", str(pid))
        return str(self.data) in line and not line.startswith("Z")

    def _disown(self, lock_file: Path) -> None:
        """Make a lock file that a crash left behind name a process that is gone, not some other program.

        PostgreSQL refuses to start while the number belongs to any living program of its user. The file stays,
        because its other lines let PostgreSQL notice surviving processes of the old server. A server that is
        just coming up, started by a process that was killed since, names itself and is let be.
        """
        for _ in range(2):
            try:
                first, newline, rest = lock_file.read_text().partition("\n")
            except FileNotFoundError:
                return
            if newline:
                break
            time.sleep(0.2)  # a starting server may be about to write it
        else:
            lock_file.unlink(missing_ok=True)
            return
        if not (first.isdecimal() and (self._is_server(int(first)) or not _exists(int(first)))):
            with subprocess.Popen(["true"]) as gone:
                gone.wait()
            lock_file.write_text(f"{gone.pid}\n{rest}")

    def _make_sockets(self) -> None:
        """Make the private socket folder unless it exists."""
        folder = self.sockets
        if not folder.exists():
            self.runner.make_folder(folder)
        state = folder.lstat()
        if state.st_uid != self.runner.uid or state.st_mode & 0o777 != 0o700 or folder.is_symlink():
            raise EmbeddedServerError(f"{folder} is not the server's private folder: remove it")

    def _error(self, what: str) -> EmbeddedServerError:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        end = "\n".join(lines[-20:])
        return EmbeddedServerError(f"PostgreSQL in {self.data} {what}. The end of {self.log}:\n{end}")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _socket_in(folder: Path) -> str:
    return str(folder / f".s.PGSQL.{PORT}")
