"""What a journal entry is in the tree: one line of JSON in one exact form.

The keys are sorted, nothing is put between them, and the text is UTF-8 as it is: what ``json.dumps`` writes with
``sort_keys=True, separators=(",", ":"), ensure_ascii=False``. Times are UTC with all six decimals, amounts have all
eight. Balances are not in it: they follow from the amounts, and a customer's receipt shows nobody else's.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson

_SIMPLE = frozenset({str, int, bool, type(None)})


class Times:
    """How the times of the last entry are written: most entries share theirs with their neighbours."""

    def __init__(self) -> None:
        self._known: list[tuple[datetime | None, str]] = [(None, ""), (None, "")]

    def text(self, which: int, time: datetime) -> str:
        """The first (0) or second (1) time of an entry as text."""
        last, text = self._known[which]
        if time != last:
            text = time_text(time)
            self._known[which] = time, text
        return text


def leaf(journal_id: int, row: Iterable[Any], times: Times) -> bytes:
    """The entry's text, from its columns in this order.

    ``data`` is JSON as text; ``legs`` a list of movements in JSON without its brackets, ``[debit,credit,"amount"],…``,
    or None; ids are text too."""
    position, book, sequence, type_, version, actor, cause, correlation, recorded_at, effective_at, data, legs = row
    return orjson.dumps(
        {  # sorted
            "actor": actor,
            "book": book,
            "cause": cause,
            "correlation": correlation,
            "data": orjson.Fragment(canonical(data)),
            "effective_at": times.text(0, effective_at),
            "journal": journal_id,
            "position": position,
            "recorded_at": times.text(1, recorded_at),
            "sequence": sequence,
            "transfers": orjson.Fragment(f"[{legs}]" if legs else "[]"),
            "type": type_,
            "version": version,
        }
    )


def canonical(text: str) -> bytes:
    """JSON in the one form. Numbers stay exactly as they are written, however many digits they have."""
    value = orjson.loads(text)
    # Only whole numbers of up to 64 bits survive orjson as they were.
    if type(value) is dict and _SIMPLE.issuperset(map(type, value.values())):
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return _write(json.loads(text, parse_float=_Literal)).encode()


class _Literal(str):
    """A number with decimals, as it is written."""

    __slots__ = ()


def _write(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_write(key)}:{_write(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_write, value)) + "]"
    return str(value) if isinstance(value, _Literal) else json.dumps(value, ensure_ascii=False)


def time_text(time: datetime) -> str:
    """A time as leaves and checkpoints write it."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
