"""Reads events of the log again: each must follow from those before it, by both clocks and in its book's stream.

Thousands at a time, by columns. Times are whole microseconds, counted from whenever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Final

import numpy
import polars
from polars import UInt32, col

_MINUTE: Final = 60_000_000
#: What lies outside of these is no time of ours: infinite ones do.
_BEGINNING: Final = -(2**62)
_END: Final = 2**62

_SIZES: Final = {
    "position": 8,
    "book_id": 8,
    "sequence": 8,
    "recorded_at": 8,
    "effective_at": 8,
    "latest_effective_at": 8,
    "lateness": 2,
}
#: What COPY sends in binary before the rows and after them. A row is how many columns there are, then of each its size
#: and itself.
_HEADER, _TRAILER = 19, 2
_ROW: Final = numpy.dtype(
    [("columns", ">i2")]
    + [each for name, size in _SIZES.items() for each in ((f"size of {name}", ">i4"), (name, f">i{size}"))]
)

Wrong = tuple[int, str]
"""A position, and what is wrong there."""


@dataclass(slots=True)
class Story:
    """How far events were read: the last position, both clocks, and each book's stream.

    ``opening`` has position and number of the first event of each book of which none was read before, ``closing`` the
    number of its last one. ``disagreement`` is the first event that does not follow. ``cut``: what came before is not
    all there any more, so that a stream may begin in its middle.
    """

    position: int = 0
    recorded_at: int = _BEGINNING
    effective_at: int = _BEGINNING
    cut: bool = False
    opening: dict[int, tuple[int, int]] = field(default_factory=dict)
    closing: dict[int, int] = field(default_factory=dict)
    disagreement: Wrong | None = None
    _began: int = 0
    _marks: polars.Series = field(default_factory=polars.Series)

    def read(self, copied: bytes) -> None:
        """Go on with events as COPY sends them in binary, oldest first: position, book_id, sequence, recorded_at,
        effective_at, latest_effective_at, lateness."""
        count, rest = divmod(len(copied) - _HEADER - _TRAILER, _ROW.itemsize)
        rows = numpy.frombuffer(copied, _ROW, count, _HEADER)
        # What is null has the size -1, and takes no place.
        if rest or any((rows[f"size of {name}"] != size).any() for name, size in _SIZES.items()):
            self._object([_is_none(self.position)])
            return
        self.go_on(polars.DataFrame({name: rows[name].astype(f"i{size}") for name, size in _SIZES.items()}))

    def go_on(self, events: polars.DataFrame) -> None:
        """Go on with events by their columns; ``latest_effective_at`` may be left out."""
        self._began, self._marks = self.position + 1, events["lateness"]
        if events.is_empty():
            return
        if any(each.null_count() for each in events):  # nothing compares with it, so it would pass
            self._object([_is_none(self.position)])
            return
        self._object([*self._clocks(events), *self._streams(events)])
        last = events.select(polars.max("effective_at"), polars.last("position", "recorded_at")).row(0)
        self.effective_at = max(self.effective_at, last[0])
        self.position, self.recorded_at = last[1:]

    def compare(self, transfers: polars.DataFrame) -> None:
        """Transfers of the events that were read last are marked as these are."""
        place = (col("position") - self._began).cast(UInt32, strict=False)
        event = polars.lit(self._marks).gather(place, null_on_oob=True)
        for (at,) in transfers.filter(col("lateness").ne_missing(event)).select("position").head(1).iter_rows():
            self._object([(at, f"position {at}: its transfers are not marked as it is")])

    def end(self, to: int) -> None:
        """There is nothing to come up to ``to``."""
        if self.position < to:
            self._object([(self.position + 1, _does_not_follow(self.position + 1))])

    def begin(self, ends: Mapping[int, int]) -> None:
        """Check that the streams go on from their last events before (``ends``, others among them) or begin."""
        for book, (at, sequence) in self.opening.items():
            begins = sequence == 1 or (self.cut and sequence > 1)
            if sequence != ends[book] + 1 if book in ends else not begins:
                self._object([(at, _is_not_next(at))])

    def _clocks(self, events: polars.DataFrame) -> Iterable[Wrong]:
        """Positions have no gap, what was recorded runs on, and what takes effect is marked as late or on time."""
        latest = polars.max_horizontal(col("effective_at").cum_max(), self.effective_at)
        on_time, in_time = col("effective_at") >= latest, col("effective_at") >= latest - _MINUTE
        late = polars.when(on_time).then(0).when(in_time).then(1).otherwise(2)
        wrong = (
            (col("position") != polars.int_range(self.position + 1, self.position + 1 + polars.len()))
            | (col("recorded_at") < col("recorded_at").shift(1, fill_value=self.recorded_at))
            | (col("lateness") != late)
            | ~col("recorded_at").is_between(_BEGINNING, _END)
            | ~col("effective_at").is_between(_BEGINNING, _END)
        )
        if "latest_effective_at" in events.columns:
            wrong |= col("latest_effective_at") != latest
        for (at,) in events.filter(wrong).select("position").head(1).iter_rows():
            yield at, _does_not_follow(at)

    def _streams(self, events: polars.DataFrame) -> Iterable[Wrong]:
        """Each book's events are numbered without a gap."""
        same = col("book_id") == col("book_id").shift(1)
        streams = (
            events.select("position", "book_id", "sequence")
            .sort("book_id", maintain_order=True)
            .with_columns(
                first=~same.fill_null(value=False),
                last=col("book_id").ne_missing(col("book_id").shift(-1)),
                follows=same & (col("sequence") == col("sequence").shift(1) + 1),
            )
        )
        for at in streams.filter(~col("first") & ~col("follows"))["position"]:
            yield at, _is_not_next(at)
        for at, book, sequence in streams.filter("first").select("position", "book_id", "sequence").iter_rows():
            before = self.closing.get(book)
            if before is None:
                self.opening[book] = at, sequence
            elif sequence != before + 1:
                yield at, _is_not_next(at)
        self.closing.update(streams.filter("last").select("book_id", "sequence").iter_rows())

    def _object(self, wrong: Iterable[Wrong]) -> None:
        """Keep the first; of several things about one position the first that was looked at."""
        known = [] if self.disagreement is None else [self.disagreement]
        self.disagreement = min([*known, *wrong], key=itemgetter(0), default=None)


def _does_not_follow(at: int) -> str:
    return f"position {at}: it does not follow from the event before it, or was recorded or marked wrongly"


def _is_not_next(at: int) -> str:
    return f"position {at}: it does not follow from the last event of its book"


def _is_none(after: int) -> Wrong:
    return after, f"past position {after}: there is a figure that is none"
