"""Structured logs: one JSON object a line, or readable lines on a terminal."""

import logging
import sys

import structlog
from structlog.typing import Processor

#: Libraries that say more than an operator wants to read.
_NOISY = ("httpx2", "httpcore2", "uvicorn.access", "uvicorn.error", "alembic")


def configure(level: str) -> None:
    """Set up logging for the process. Logs go to stderr; stdout belongs to commands' answers."""
    logging.basicConfig(format="%(message)s", stream=sys.stderr, level=level)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *_rendered(terminal=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _rendered(*, terminal: bool) -> list[Processor]:
    """Tracebacks come without local variables: a secret may be among them."""
    if terminal:
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
