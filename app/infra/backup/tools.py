"""PostgreSQL's own client programs, run against a server. Its password is in their environment, never in a command."""

import asyncio
import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from app.infra.embedded_install import find_runner

_CONNECT_SECONDS: Final = 10
_STOP_SECONDS: Final = 15.0
#: What a password file or a certificate may be named by. Anything else of PG* would change where we connect to.
_KEPT: Final = ("PATH", "HOME", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY")


class BackupError(Exception):
    """A backup or a restore can't be done; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A server to back up: its URL without the password, which no one prints, and the password apart."""

    url: str
    password: str | None = field(repr=False)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        bare = {"LC_ALL": "C", "TZ": "UTC", "PGCONNECT_TIMEOUT": str(_CONNECT_SECONDS)}
        return kept | bare | ({} if self.password is None else {"PGPASSWORD": self.password})


def source_of(url: str) -> Source:
    """Take the password out of a URL, from before the host or from among its parameters."""
    parts = urlsplit(url)
    parameters = parse_qsl(parts.query, keep_blank_values=True)
    if any(name == "sslpassword" for name, _ in parameters):
        raise BackupError("sslpassword in DATABASE_URL would show in a command line: use a key without a password")
    whom, at, where = parts.netloc.rpartition("@")
    user, colon, password = whom.partition(":")
    secrets = [unquote(password)] if colon else []
    secrets += [value for name, value in parameters if name == "password"]
    if secrets:
        query = urlencode([(name, value) for name, value in parameters if name != "password"])
        parts = parts._replace(netloc=f"{user}{at}{where}", query=query)
    # urlunsplit drops an empty host's slashes for some schemes; this one always has them.
    bare = urlunsplit(parts._replace(scheme="", netloc=""))
    return Source(f"{parts.scheme}://{parts.netloc}{bare}", secrets[-1] if secrets else None)


def program(name: str) -> Path:
    """Where one of PostgreSQL's programs is."""
    return find_runner().root / "bin" / name


def version() -> int:
    """Which PostgreSQL the programs belong to: of another they can't read the log."""
    _, said, _ = look("postgres", "--version")
    found = re.search(r"(\d+)\.", said)
    if found is None:
        raise BackupError(f"PostgreSQL's programs don't say of what version they are: {said.strip() or 'nothing'}")
    return int(found[1])


async def start(
    source: Source, name: str, *arguments: str | Path, application: str = "wealthgraph-backup"
) -> asyncio.subprocess.Process:
    """Start a program on the server, out of reach of the terminal's Ctrl-C. It never asks for a password."""
    return await asyncio.create_subprocess_exec(
        program(name),
        *arguments,
        "--no-password",
        f"--dbname={source.url}",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=source.environment() | {"PGAPPNAME": application},
        start_new_session=True,
    )


async def run(source: Source, name: str, *arguments: str | Path, limit: float) -> None:
    """Run a program to its end. Raises ``BackupError`` with what it said if it fails or takes too long."""
    process = await start(source, name, *arguments)
    try:
        async with asyncio.timeout(limit):
            output, _ = await process.communicate()
    except TimeoutError:
        raise BackupError(f"{name} did not end within {limit / 3600:.1f} hours; it was stopped") from None
    finally:
        await stop(process)
    if process.returncode != 0:
        raise BackupError(f"{name} failed:\n{output.decode(errors='replace').strip()}")


async def stop(process: asyncio.subprocess.Process) -> None:
    """End a program the polite way, or, when it does not listen, the other way."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def look(name: str, *arguments: str | Path, limit: float = 600.0) -> tuple[int, str, str]:
    """Run a program that only reads files: its exit status, what it found, and what it complained about."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    try:
        done = subprocess.run(
            [program(name), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BackupError(f"{name} did not end within {limit:.0f} s; it was stopped") from None
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
