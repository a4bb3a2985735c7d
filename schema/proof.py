"""Proofs: what a reader can check for themselves."""

import datetime
from typing import Annotated, Any

import strawberry

from app.proof import types as proofs
from app.proof.note import VerifierKey, to_base64
from resolvers import proof as resolve
from resolvers.paging import asked_page, number_key
from schema.relay import After, Before, First, Info, Last, connection


def _audit_path(root: strawberry.Parent[proofs.EntryProof]) -> list[str]:
    return [to_base64(hash_) for hash_ in root.audit_path]


@strawberry.type(
    description="Proof that an entry is in the log that was signed: an RFC 6962 audit path to a signed checkpoint. It "
    "is a receipt to keep: ask for all of its fields, save the answer as a file, and run `python wealthgraph_verify.py "
    "receipt FILE --key KEY`. That program needs nothing of this service; take the key (`checkpointKeys`) from "
    "somewhere you trust."
)
class EntryProof:
    leaf: str = strawberry.field(
        description="The entry, word for word, as JSON with sorted keys. Ledger accounts stand as numbers; balances "
        "are not in it, they follow from the amounts."
    )
    index: int = strawberry.field(description="Which leaf of the tree it is, from 0: its position in the log less one.")
    tree_size: int = strawberry.field(description="How many entries the tree of the checkpoint has.")
    audit_path: list[str] = strawberry.field(
        resolver=_audit_path, description="The hashes from the leaf to the root, in base64."
    )
    checkpoint: str = strawberry.field(description="The checkpoint as it was published: a signed note, whole.")


def _root(root: strawberry.Parent[proofs.PublishedCheckpoint | proofs.LogBlock]) -> str:
    return to_base64(root.root)


def _chain(root: strawberry.Parent[proofs.LogBlock]) -> str:
    return to_base64(root.chain)


@strawberry.type(description="A full block of the log: 1,024 entries, and their Merkle root chained to those before.")
class LogBlock:
    number: int = strawberry.field(description="Which, from 0.")
    root_hash: str = strawberry.field(resolver=_root, description="The root of its entries' Merkle tree, in base64.")
    chain: str = strawberry.field(
        resolver=_chain, description="SHA-256 of the chain of the block before and this root, in base64."
    )


@strawberry.type(description="The whole log at one size, as it was signed and published. It can't be taken back.")
class Checkpoint:
    size: int = strawberry.field(description="How many entries the log had.")
    root_hash: str = strawberry.field(resolver=_root, description="The root of their Merkle tree, in base64.")
    made_at: datetime.datetime = strawberry.field(description="When it was signed.")
    published_at: datetime.datetime = strawberry.field(description="When it was published.")
    note: str = strawberry.field(
        description="What was published: a signed note, as c2sp.org/tlog-checkpoint has it. It names the checkpoint "
        "before it."
    )


def _path(root: strawberry.Parent[proofs.ConsistencyProof]) -> list[str]:
    return [to_base64(hash_) for hash_ in root.path]


@strawberry.type(
    description="Proof that the log of one checkpoint begins with all of the log of an older one: nothing was changed "
    "or taken out. Save it with all of its fields and run `python wealthgraph_verify.py consistency FILE --key KEY`."
)
class ConsistencyProof:
    old: str = strawberry.field(description="The older checkpoint, whole.")
    new: str = strawberry.field(description="The newer checkpoint, whole.")
    path: list[str] = strawberry.field(resolver=_path, description="The hashes that lead to both roots, in base64.")


def _key(root: strawberry.Parent[VerifierKey]) -> str:
    return str(root)


def _key_id(root: strawberry.Parent[VerifierKey]) -> str:
    return root.id.hex()


@strawberry.type(description="A public key that signs checkpoints, or did.")
class CheckpointKey:
    name: str = strawberry.field(description="The log whose checkpoints it signs: their first line.")
    id: str = strawberry.field(resolver=_key_id, description="Which key of that name: it stands in every signature.")
    key: str = strawberry.field(resolver=_key, description="All of it, as verifiers take it: name+id+base64.")


From = Annotated[int, strawberry.argument(name="from", description="The size of the older checkpoint.")]
To = Annotated[int, strawberry.argument(description="The size of the newer checkpoint.")]


async def checkpoints(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve.checkpoints_page(info.context, asked_page(first, after, last, before, number_key))
    return connection(page, lambda found: found.size)


async def consistency_proof(info: Info, from_: From, to: To) -> Any:
    return await resolve.consistency(info.context, from_, to)


async def checkpoint_keys(info: Info) -> Any:
    return await resolve.keys(info.context)
