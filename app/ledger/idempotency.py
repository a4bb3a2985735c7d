"""The same key and the same request: the first answer again. The same key for something else: a clear refusal.

Kept per caller, in the commit that did the work. A refused request changes nothing, so it stores nothing either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from app.infra.database import EngineConnection
from app.kernel.errors import Refusal

if TYPE_CHECKING:
    from app.ledger.batch import Batch, UseCase


class IdempotencyError(StrEnum):
    """Why a key was refused."""

    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key, and a hash of what the caller asked for with it."""

    caller: str
    key: UUID
    request_hash: bytes

    @property
    def id(self) -> tuple[str, UUID]:
        return self.caller, self.key


def idempotency_key(caller: str, key: UUID, operation: str, request: dict[str, Any]) -> IdempotencyKey:
    """The key for ``operation`` with the caller's own input (not with what we add to it, such as a price)."""
    canonical = orjson.dumps([operation, request], option=orjson.OPT_SORT_KEYS, default=str)
    return IdempotencyKey(caller, key, hashlib.sha256(canonical).digest())


async def answer_once(
    batch: Batch, use_case: UseCase[Any, Any], asked: Sequence[tuple[Any, IdempotencyKey | None]]
) -> list[Any]:
    """Answer known keys from the store and the rest through the use case, whose answers to keys are stored.

    What a use case answers is an id, or a thing that has one: of that the id is stored, and given to who asks again.
    """
    keys = [key for _, key in asked if key]
    if not keys:
        return list(await use_case(batch, [command for command, _ in asked]))
    known = await _stored(batch.connection, batch.journal.id, keys)
    fresh: list[int] = []
    seen = set(known)
    for index, (_, key) in enumerate(asked):
        if key is None or key.id not in seen:
            fresh.append(index)
            if key:
                seen.add(key.id)
    answers: dict[int, Any] = {}
    if fresh:
        answers = dict(zip(fresh, await use_case(batch, [asked[index][0] for index in fresh]), strict=True))
    made = [(key, answers[index]) for index in fresh if (key := asked[index][1])]
    await _store(batch, [(key, answer) for key, answer in made if not isinstance(answer, Refusal)])
    known |= {key.id: (key.request_hash, answer) for key, answer in made}
    return [
        answers[index] if index in answers or key is None else _repeat(key, *known[key.id])
        for index, (_, key) in enumerate(asked)
    ]


async def stored_answer(connection: EngineConnection, journal_id: int, key: IdempotencyKey) -> UUID | None:
    """The answer given to this key before, or None. Raises a ``Refusal`` if it was for other input."""
    known = await _stored(connection, journal_id, [key])
    if key.id not in known:
        return None
    answer = _repeat(key, *known[key.id])
    if isinstance(answer, Refusal):
        raise answer
    return UUID(str(answer))


def _repeat(key: IdempotencyKey, request_hash: bytes, answer: Any) -> Any:
    if request_hash == key.request_hash:
        return answer
    return Refusal(
        IdempotencyError.IDEMPOTENCY_KEY_REUSED,
        f"The key {key.key} was used before with other input; send a new key for a new request.",
        "idempotencyKey",
    )


async def _stored(
    connection: EngineConnection, journal_id: int, keys: Sequence[IdempotencyKey]
) -> dict[tuple[str, UUID], tuple[bytes, Any]]:
    rows = await connection.fetch(
        "SELECT i.caller, i.key, i.request_hash, i.answer FROM ledger.idempotency i"
        " JOIN unnest($2::text[], $3::uuid[]) AS u(caller, key) USING (caller, key) WHERE i.journal_id = $1",
        journal_id,
        [key.caller for key in keys],
        [key.key for key in keys],
    )
    return {(row["caller"], row["key"]): (row["request_hash"], UUID(row["answer"])) for row in rows}


async def _store(batch: Batch, kept: Sequence[tuple[IdempotencyKey, Any]]) -> None:
    if not kept:
        return
    await batch.connection.execute(
        "SELECT ledger.keep_answers($1, $2, $3, $4, $5, $6)",
        batch.journal.id,
        [key.caller for key, _ in kept],
        [key.key for key, _ in kept],
        [key.request_hash for key, _ in kept],
        [str(getattr(answer, "id", answer)) for _, answer in kept],
        batch.recorded_at,
    )
