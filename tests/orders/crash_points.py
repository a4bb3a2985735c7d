"""Where a process may die: before and after each commit on an order's way, and each word with the venue.

Nothing of this is in the product: what commits, and what speaks with the venue, is wrapped from outside.
"""

import os
import signal
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from asyncpg import Connection
from asyncpg.transaction import Transaction

from app.fix.journal import Journal
from app.ledger import batch as batches
from app.orders import engine, intake
from app.venues.paper import PaperVenue

#: Use cases that a group commit runs.
USE_CASES = (
    "place",
    "cancel",
    "replace_orders",
    "gather",
    "apply_reports",
    "share_out_chunk",
    "ask_to_let_go",
    "settle_due",
)
#: What commits by itself, and what is said to the venue.
OTHERS = ("begin_run", "lead", "venue reports", "venue submit", "venue change")
#: In the venue's own process, when traders reach it over FIX: also what its end of the session remembers.
AT_THE_VENUE = ("venue reports", "venue submit", "venue change", "journal write", "journal take")
POINTS = tuple(f"{when} {what}" for what in (*USE_CASES, *OTHERS) for when in ("before", "after"))
POINTS_OF_THE_VENUE = tuple(f"{when} {what}" for what in AT_THE_VENUE for when in ("before", "after"))

#: What the transaction is for that is about to be committed.
_about: ContextVar[frozenset[str]] = ContextVar("about", default=frozenset())


def kill_at(point: str, crossing: int) -> None:
    """From now on, let this process kill itself when it crosses ``point`` for the ``crossing``-th time."""
    assert point in (*POINTS, *POINTS_OF_THE_VENUE), point
    left = crossing

    def cross(here: str) -> None:
        nonlocal left
        if here == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    _wrap_commits(cross)
    _wrap_batches()
    _name(intake, "begin_run")
    _name(engine, "lead")
    _name(PaperVenue, "reports", "venue reports")
    _wrap_call(PaperVenue, "submit", "venue submit", cross)
    _wrap_call(PaperVenue, "change", "venue change", cross)
    _wrap_call(Journal, "write", "journal write", cross)
    _wrap_call(Journal, "take", "journal take", cross)


def _wrap_commits(cross: Callable[[str], None]) -> None:
    name = "_Transaction__commit"
    original = getattr(Transaction, name)

    async def committed(self: Any) -> None:
        about = _about.get()
        for what in sorted(about):
            cross(f"before {what}")
        await original(self)
        for what in sorted(about):
            cross(f"after {what}")

    setattr(Transaction, name, committed)
    execute = Connection.execute

    async def executed(self: Any, query: str, *arguments: Any, **more: Any) -> str:
        about = _about.get() if query == "COMMIT" else ()
        for what in sorted(about):
            cross(f"before {what}")
        answer = await execute(self, query, *arguments, **more)
        for what in sorted(about):
            cross(f"after {what}")
        return answer

    setattr(Connection, "execute", executed)  # noqa: B010 - mypy knows better


def _wrap_batches() -> None:
    original = batches._run_groups

    async def run_groups(batch: Any, waiting: Any) -> Any:
        _about.set(frozenset(each.use_case.__name__ for each in waiting))
        return await original(batch, waiting)

    batches._run_groups = run_groups


def _name(owner: Any, function: str, name: str | None = None) -> None:
    """What is committed inside that function goes by its name."""
    original = getattr(owner, function)

    async def named(*arguments: Any) -> Any:
        token = _about.set(frozenset({name or function}))
        try:
            return await original(*arguments)
        finally:
            _about.reset(token)

    setattr(owner, function, named)


def _wrap_call(owner: Any, function: str, name: str, cross: Callable[[str], None]) -> None:
    original = getattr(owner, function)

    async def called(*arguments: Any, **more: Any) -> Any:
        cross(f"before {name}")
        answer = await original(*arguments, **more)
        cross(f"after {name}")
        return answer

    setattr(owner, function, called)
