"""Events that do not follow from those before them: each law by itself, however the log is cut into parts."""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars
import pytest

from app.ledger.adding_up import Stretch
from app.ledger.chart import USD, Kind, address
from app.ledger.story import Story

MINUTE = 60_000_000
ANN, BOB = 3, 4


@dataclass(frozen=True)
class Told:
    """An event as it stands in the log."""

    position: int
    book: int
    sequence: int
    recorded_at: int
    effective_at: int
    latest: int
    lateness: int


LOG = [
    Told(1, ANN, 1, 10, 5, 5, 0),
    Told(2, BOB, 1, 10, 5, 5, 0),
    Told(3, ANN, 2, 11, 3 * MINUTE, 3 * MINUTE, 0),
    Told(4, ANN, 3, 11, 2 * MINUTE, 3 * MINUTE, 1),
    Told(5, BOB, 2, 12, 2 * MINUTE - 1, 3 * MINUTE, 2),
    Told(6, ANN, 4, 12, 3 * MINUTE, 3 * MINUTE, 0),
    Told(7, BOB, 3, 15, 4 * MINUTE, 4 * MINUTE, 0),
    Told(8, ANN, 5, 15, 4 * MINUTE - 1, 4 * MINUTE, 1),
]


def sent(events: Sequence[Told]) -> bytes:
    """As COPY sends them in binary."""
    rows = (
        struct.pack(
            ">hiqiqiqiqiqiqih", 7, 8, e.position, 8, e.book, 8, e.sequence, 8, e.recorded_at, 8, e.effective_at, 8,
            e.latest, 2, e.lateness,
        )
        for e in events
    )  # fmt: skip
    return b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"".join(rows) + b"\xff\xff"


def read(events: Sequence[Told], at_a_time: int) -> Story:
    """All of them, and nothing comes after."""
    story = Story(recorded_at=10, effective_at=5)
    for start in range(0, len(events), at_a_time):
        story.read(sent(events[start : start + at_a_time]))
    story.end(LOG[-1].position)
    story.begin({})
    return story


def but(position: int, **changes: int) -> list[Told]:
    """The log with one event that is otherwise."""
    return [replace(told, **changes) if told.position == position else told for told in LOG]


@pytest.mark.parametrize("at_a_time", [1, 3, 8])
def test_a_log_that_follows_is_read_to_its_end(at_a_time: int) -> None:
    story = read(LOG, at_a_time)
    assert story.disagreement is None
    assert (story.position, story.recorded_at, story.effective_at) == (8, 15, 4 * MINUTE)
    assert (story.opening, story.closing) == ({ANN: (1, 1), BOB: (2, 1)}, {ANN: 5, BOB: 3})


CLOCK = "it does not follow from the event before it, or was recorded or marked wrongly"
STREAM = "it does not follow from the last event of its book"


@pytest.mark.parametrize("at_a_time", [1, 3, 8])
@pytest.mark.parametrize(
    ("events", "position", "what"),
    [
        ([*LOG[:3], *LOG[4:]], 5, CLOCK),
        (LOG[1:], 2, CLOCK),
        (LOG[:-1], 8, CLOCK),
        ([*LOG[:3], LOG[2], *LOG[3:]], 3, CLOCK),
        (but(5, recorded_at=10), 5, CLOCK),
        (but(1, recorded_at=9), 1, CLOCK),
        (but(3, latest=3 * MINUTE + 1), 3, CLOCK),
        (but(6, latest=3 * MINUTE - 1), 6, CLOCK),
        (but(1, effective_at=4, latest=4), 1, CLOCK),
        (but(1, effective_at=4, lateness=0), 1, CLOCK),
        (but(3, lateness=1), 3, CLOCK),
        (but(4, lateness=2), 4, CLOCK),
        (but(4, lateness=0), 4, CLOCK),
        (but(5, lateness=1), 5, CLOCK),
        (but(6, sequence=5), 6, STREAM),
        (but(6, sequence=3), 6, STREAM),
        (but(6, book=BOB), 6, STREAM),
        (but(1, sequence=2), 1, STREAM),
        (but(1, sequence=0), 1, STREAM),
        ([replace(told, sequence=told.sequence + 1) if told.book == BOB else told for told in LOG], 2, STREAM),
    ],
    ids=[
        "gap", "no beginning", "no end", "twice", "recorded before the one before",
        "recorded before the first", "too late a time", "too early a time", "before the first", "first is late",
        "on time", "in time", "in time as on time", "late as in time", "number left out", "number twice",
        "another's", "not the first", "number none", "all of a stream too high",
    ],
)  # fmt: skip
def test_the_first_event_that_does_not_follow_is_named(
    events: list[Told], position: int, what: str, at_a_time: int
) -> None:
    assert read(events, at_a_time).disagreement == (position, f"position {position}: {what}")


@pytest.mark.parametrize(
    ("ends", "cut", "agrees"),
    [
        ({ANN: 3, BOB: 2}, False, True),
        ({ANN: 2, BOB: 2}, False, False),
        ({ANN: 3}, False, False),
        ({ANN: 3}, True, True),
        ({ANN: 4, BOB: 2}, True, False),
        ({ANN: 3, BOB: 2, 5: 77}, False, True),
    ],
)
def test_a_part_goes_on_with_the_streams_before_it(ends: dict[int, int], cut: bool, agrees: bool) -> None:
    story = Story(5, 12, 3 * MINUTE, cut)
    story.read(sent(LOG[5:]))
    assert story.disagreement is None
    story.begin(ends)
    assert (story.disagreement is None) is agrees


def without_time(copied: bytes) -> bytes:
    """The first event was recorded at no time: null takes no place."""
    at = 19 + 2 + 3 * 12
    return copied[:at] + b"\xff\xff\xff\xff" + copied[at + 12 :]


def without_times(copied: bytes) -> bytes:
    """Ten times are none, which take as much less as a row."""
    rows = [copied[19 + 80 * number :][:80] for number in range(5)]
    nulls = [row[:38] + b"\xff\xff\xff\xff" * 2 + row[62:] for row in rows]
    return copied[:19] + b"".join(nulls) + b"\xff\xff"


@pytest.mark.parametrize(
    "change", [without_time, without_times, lambda copied: copied[:-10], lambda copied: copied[:19] + copied[21:]]
)
def test_figures_that_are_none_do_not_pass(change: Callable[[bytes], bytes]) -> None:
    story = Story()
    story.read(sent(LOG[:3]))
    story.read(change(sent(LOG[3:])))
    assert story.disagreement == (3, "past position 3: there is a figure that is none")


def test_a_file_with_a_figure_that_is_none_does_not_pass() -> None:
    story, columns = Story(), ("position", "book_id", "sequence", "recorded_at", "effective_at", "lateness")
    story.go_on(polars.DataFrame([(1, ANN, 1, None, 5, 0)], schema=columns, orient="row"))
    assert story.disagreement == (0, "past position 0: there is a figure that is none")


@pytest.mark.parametrize("at_a_time", [1, 3, 8])
@pytest.mark.parametrize(("at", "lateness", "agrees"), [(4, 1, True), (4, 0, False), (5, 1, False), (9, 0, False)])
def test_transfers_are_marked_as_their_event_is(at: int, lateness: int, agrees: bool, at_a_time: int) -> None:
    bank, cash = address(2, USD, Kind.FBO), address(ANN, USD, Kind.SETTLED)
    line = f"{at}\t1\t{lateness}\t{bank}\t1\t-1.00000000\t{cash}\t1\t1.00000000\t1.00000000\n".encode()
    found = Stretch(story=Story(recorded_at=10, effective_at=5))
    assert found.story is not None
    for start in range(0, len(LOG), at_a_time):
        part = LOG[start : start + at_a_time]
        found.story.read(sent(part))
        found.read(line if at in {told.position for told in part} or (at > 8 and part[-1] is LOG[-1]) else b"")
    assert found.wrong == (None if agrees else f"position {at}: its transfers are not marked as it is")
