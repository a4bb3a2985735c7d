"""What can be asked."""

from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.market.reads import SearchKey
from resolvers import accounts as resolve_accounts
from resolvers import desk as resolve_desk
from resolvers import market as resolve_market
from resolvers import nodes as resolve_nodes
from resolvers.paging import asked_page
from schema import proof
from schema.accounts import Account
from schema.desk import Desk
from schema.market import Instrument, MarketTime
from schema.relay import After, Before, Connection, First, Info, Last, Node, connection


async def _accounts(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve_accounts.own(info.context, asked_page(first, after, last, before, UUID))
    return connection(page, lambda account: account.id)


@strawberry.type(description="You.")
class Viewer:
    id: strawberry.ID = strawberry.field(description="Your user id: an opaque reference.")
    roles: list[str] = strawberry.field(description="What you are to this tenant.")
    accounts: Connection[Account] = strawberry.field(resolver=_accounts, description="Your accounts, oldest first.")


def _viewer(info: Info) -> Any:
    principal = info.context.principal
    return Viewer(id=strawberry.ID(str(principal.user_id)), roles=sorted(principal.roles))


Id = Annotated[strawberry.ID, strawberry.argument(description="The thing's id.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="The things' ids, 100 at most.")]
Search = Annotated[str, strawberry.argument(description="A symbol or the start of words of the name; empty for all.")]
Symbol = Annotated[str, strawberry.argument(description="Its ticker, letters in any case.")]


async def _node(info: Info, id: Id) -> Any:  # noqa: A002
    return (await resolve_nodes.nodes(info.context, [id]))[0]


async def _nodes(info: Info, ids: Ids) -> Any:
    return await resolve_nodes.nodes(info.context, ids)


async def _instruments(
    info: Info,
    search: Search = "",
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    page = await resolve_market.instruments(
        info.context, search, asked_page(first, after, last, before, SearchKey.read)
    )
    return connection(page, lambda found: found.key, lambda found: found.instrument)


def _instrument(info: Info, symbol: Symbol) -> Any:
    return resolve_market.by_symbol(info.context, symbol)


async def _desk(info: Info) -> Any:
    return await resolve_desk.desk(info.context)


def _market(info: Info) -> Any:
    return MarketTime(now=info.context.services.market.clock.now(), simulated=info.context.services.simulated)


@strawberry.type(description="What can be asked.")
class Query:
    viewer: Viewer = strawberry.field(resolver=_viewer, description="You.")
    node: Node | None = strawberry.field(resolver=_node, description="The thing with this id, if you can see it.")
    nodes: list[Node | None] = strawberry.field(
        resolver=_nodes, description="The things with these ids, in order; null for what you can't see."
    )
    instruments: Connection[Instrument] = strawberry.field(
        resolver=_instruments, description="Instruments by symbol or name, best match first."
    )
    instrument: Instrument | None = strawberry.field(resolver=_instrument, description="The instrument of this symbol.")
    market: MarketTime = strawberry.field(resolver=_market, description="The market's clock.")
    checkpoints: Connection[proof.Checkpoint] = strawberry.field(
        resolver=proof.checkpoints, description="The log as it was signed and published, newest first."
    )
    consistency_proof: proof.ConsistencyProof = strawberry.field(
        resolver=proof.consistency_proof, description="Proof that the log only grew from one checkpoint to another."
    )
    checkpoint_keys: list[proof.CheckpointKey] = strawberry.field(
        resolver=proof.checkpoint_keys,
        description="The public keys of the checkpoints, the one that signs now first. Compare them with what is "
        "published elsewhere.",
    )
    desk: Desk = strawberry.field(resolver=_desk, description="The whole tenant at a glance, for operators.")
