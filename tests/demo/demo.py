"""The demo as its user runs it: a process, a port, Ctrl-C."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from tests.ports import free_port

_PATIENCE = 90.0


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    process: subprocess.Popen[str]
    url: str
    home: Path

    def interrupt(self) -> str:
        """Ctrl-C, as the terminal sends it: to the whole foreground group. Answers what was printed."""
        os.killpg(self.process.pid, signal.SIGINT)
        printed, _ = self.process.communicate(timeout=60)
        return printed

    def kill(self) -> None:
        """kill -9 of the server alone."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def demo(home: Path, investors: int) -> Iterator[Demo]:
    """Run ``wealthgraph demo`` with its data in ``home`` until the block is left."""
    port = free_port()
    command = [sys.executable, "-c", "from app.cli import main; main()", "demo"]
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "TOKEN_KEY")}
    process = subprocess.Popen(
        [*command, "--port", str(port), "--investors", str(investors)],
        env=environment | {"WEALTHGRAPH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    running = Demo(process, f"http://127.0.0.1:{port}", home)
    try:
        _wait_until_ready(running)
        yield running
    finally:
        assert process.stdout is not None
        if process.poll() is None:
            sys.stdout.write(running.interrupt())
        elif not process.stdout.closed:  # it ended by itself: a test that fails shows what it said
            sys.stdout.write(process.stdout.read())


def _wait_until_ready(running: Demo) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if running.process.poll() is not None:
            raise AssertionError(running.process.communicate()[0])
        try:
            if httpx2.get(f"{running.url}/readyz", trust_env=False).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.1)
    raise AssertionError("the demo did not get ready")
