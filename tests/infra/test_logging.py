"""Logs never carry what was in a local variable."""

import subprocess
import sys

import pytest

_PROGRAM = """
import structlog
from app.infra import logging
logging.sys.stderr.isatty = lambda: {terminal}
logging.configure("INFO")
def fail():
    key = "hunter" + "2"
    raise RuntimeError("no luck")
try:
    fail()
except RuntimeError:
    structlog.get_logger().exception("it failed")
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_shows_no_local_variables(terminal: bool) -> None:
    program = _PROGRAM.format(terminal=terminal)
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "no luck" in found.stderr
    assert "in fail" in found.stderr
    assert "hunter2" not in found.stderr
    assert found.stdout == ""
