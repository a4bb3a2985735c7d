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

from app.kernel.errors import Refusal

if TYPE_CHECKING:
    from app.ledger.commit import Batch, UseCase


class IdempotencyError(StrEnum):
    """Why a key was refused."""

    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A caller's key, and a hash of what the caller asked for with it."""

    caller: str
    key: UUID
    request_hash: bytes


def idempotency_key(caller: str, key: UUID, operation: str, request: dict[str, Any]) -> IdempotencyKey:
    """The key for ``operation`` with the caller's own input (not with what we add to it, such as a price)."""
    canonical = orjson.dumps([operation, request], option=orjson.OPT_SORT_KEYS, default=str)
    return IdempotencyKey(caller, key, hashlib.sha256(canonical).digest())


async def answer_once(
    batch: Batch, use_case: UseCase[Any, Any], asked: Sequence[tuple[Any, IdempotencyKey | None]]
) -> list[Any]:
    """Answer known keys from the store and the rest through the use case, whose answers to keys are stored."""
    stored = await _stored(batch, [key for _, key in asked if key])
    first: dict[tuple[str, UUID], int] = {}
    fresh: list[int] = []
    for index, (_, key) in enumerate(asked):
        if key is None or ((key.caller, key.key) not in stored and (key.caller, key.key) not in first):
            fresh.append(index)
            if key:
                first[key.caller, key.key] = index
    answers: list[Any] = [None] * len(asked)
    if fresh:
        for index, answer in zip(fresh, await use_case(batch, [asked[i][0] for i in fresh]), strict=True):
            answers[index] = answer
    kept = [(key, answers[i]) for i in fresh if (key := asked[i][1]) and not isinstance(answers[i], Refusal)]
    await _store(batch, kept)
    for index, (_, key) in enumerate(asked):
        if key and first.get((key.caller, key.key)) != index:
            answers[index] = _repeat(key, stored, asked, first, answers)
    return answers


def _repeat(
    key: IdempotencyKey,
    stored: dict[tuple[str, UUID], tuple[bytes, UUID]],
    asked: Sequence[tuple[Any, IdempotencyKey | None]],
    first: dict[tuple[str, UUID], int],
    answers: list[Any],
) -> Any:
    if (known := stored.get((key.caller, key.key))) is not None:
        request_hash, answer = known
    else:
        index = first[key.caller, key.key]
        original = asked[index][1]
        assert original is not None
        request_hash, answer = original.request_hash, answers[index]
    if request_hash != key.request_hash:
        return Refusal(
            IdempotencyError.IDEMPOTENCY_KEY_REUSED,
            f"The key {key.key} was used before with other input; send a new key for a new request.",
            "idempotencyKey",
        )
    return answer


async def _stored(batch: Batch, keys: Sequence[IdempotencyKey]) -> dict[tuple[str, UUID], tuple[bytes, UUID]]:
    if not keys:
        return {}
    rows = await batch.connection.fetch(
        "SELECT i.caller, i.key, i.request_hash, i.answer FROM ledger.idempotency i"
        " JOIN unnest($2::text[], $3::uuid[]) AS u(caller, key) USING (caller, key) WHERE i.journal_id = $1",
        batch.journal.id,
        [key.caller for key in keys],
        [key.key for key in keys],
    )
    return {(row["caller"], row["key"]): (row["request_hash"], UUID(row["answer"])) for row in rows}


async def _store(batch: Batch, kept: Sequence[tuple[IdempotencyKey, UUID]]) -> None:
    if not kept:
        return
    await batch.connection.execute(
        "INSERT INTO ledger.idempotency SELECT $1, caller, key, hash, answer, $6"
        " FROM unnest($2::text[], $3::uuid[], $4::bytea[], $5::text[]) AS u(caller, key, hash, answer)",
        batch.journal.id,
        [key.caller for key, _ in kept],
        [key.key for key, _ in kept],
        [key.request_hash for key, _ in kept],
        [str(answer) for _, answer in kept],
        batch.recorded_at,
    )
