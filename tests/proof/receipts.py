"""Proofs as a customer saves them."""

import json
from pathlib import Path
from typing import Any

from app.infra.database import api_engine, reading
from app.proof.note import to_base64
from app.proof.prove import entry_proofs, prove_consistency
from app.proof.reads import checkpoints_at
from app.proof.types import ConsistencyProof, EntryProof
from tests.proof.sealed import Sealed, positions_of


async def proofs(url: str, sealed: Sealed) -> list[EntryProof]:
    """Of all of Ann's entries that a checkpoint covers."""
    keys = [(sealed.journal.id, position) for position in await positions_of(url, sealed)]
    engine = api_engine(url, 1)
    async with reading(engine, sealed.journal.tenant_id) as connection:
        found = await entry_proofs(connection, keys)
    await engine.dispose()
    return [found[key] for key in keys if key in found]


async def consistency(url: str, sealed: Sealed, old: int, new: int) -> ConsistencyProof:
    engine = api_engine(url, 1)
    async with reading(engine, sealed.journal.tenant_id) as connection:
        found = await checkpoints_at(connection, sealed.journal.id, [old, new])
        proof = await prove_consistency(connection, found[old], found[new])
    await engine.dispose()
    return proof


def receipt(proof: EntryProof) -> dict[str, Any]:
    """As the API answers it."""
    return {
        "leaf": proof.leaf,
        "index": proof.index,
        "treeSize": proof.tree_size,
        "auditPath": [to_base64(hash_) for hash_ in proof.audit_path],
        "checkpoint": proof.checkpoint,
    }


def answer(proof: ConsistencyProof) -> dict[str, Any]:
    return {"old": proof.old, "new": proof.new, "path": [to_base64(hash_) for hash_ in proof.path]}


def saved(file: Path, value: object) -> Path:
    file.write_text(json.dumps(value, ensure_ascii=False))
    return file
