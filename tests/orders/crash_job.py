"""What a process in the crash matrix is told to do, and what it was answered."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from app.kernel.clock import Clock
from app.kernel.ids import new_id

Request: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """What a trader does: its ``requests``, until it crosses ``point`` for the ``crossing``-th time.

    ``answers`` is a file of what was answered before, to which it adds. Then it goes on until nothing
    is open any more. The venue is another process at ``venue_port``, if it is given; or this is that process
    (``is_venue``). The market's clock stood at ``market_at`` when the wall's stood at ``wall_at``.
    """

    url: str
    tenant: str
    seed: int
    requests: list[Request]
    answers: str
    market_at: str
    wall_at: str
    point: str | None = None
    crossing: int = 1
    venue_port: int | None = None
    is_venue: bool = False
    id: str = field(default_factory=lambda: new_id().hex)

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True)
class Shifted:
    """The market's clock: it runs with the wall's, on another day."""

    wall: Clock
    shift: timedelta

    def now(self) -> datetime:
        return self.wall.now() + self.shift


def answers_in(file: Path) -> dict[str, str | None]:
    """Answers by key; a refusal is None. A line that was cut off was never read by anybody."""
    if not file.exists():
        return {}
    return dict(json.loads(line) for line in file.read_bytes().split(b"\n")[:-1])
