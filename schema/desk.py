"""The desk: the whole tenant at a glance, for operators."""

import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.ledger import reads as ledger
from resolvers import cases as resolve_cases
from resolvers import corporate_actions as resolve_actions
from resolvers import desk as resolve
from resolvers import history as resolve_history
from resolvers import market as resolve_market
from resolvers import risk as resolve_risk
from resolvers.ids import encode_cursor
from resolvers.paging import asked_page
from schema import accounting, ledger_lines, reserve
from schema import manual_journals as journals
from schema import reconciliations as compared
from schema.audit import Audit, Replay, replay_account
from schema.cases import Case, Status
from schema.corporate_actions import CorporateAction
from schema.market import Instrument
from schema.market_orders import MarketOrder
from schema.orders import Order, OrderStatus, OrderType, Side
from schema.relay import After, Before, Connection, First, Info, Last, connection
from schema.risk import RiskRule
from schema.scalars import Decimal


def _asset(root: strawberry.Parent[ledger.CustodyProof], info: Info) -> Any:
    return resolve_market.by_id(info.context, root.asset)


@strawberry.type(
    description="Where every share of an instrument is: customers + house + in flight = custodian + street."
)
class Custody:
    instrument: Instrument = strawberry.field(resolver=_asset, description="Of what.")
    customers: Decimal = strawberry.field(description="What all customers have together.")
    house: Decimal = strawberry.field(description="The house's inventory: the rest of whole shares.")
    in_flight: Decimal = strawberry.field(description="On the accounts of market orders that are being dealt.")
    custodian: Decimal = strawberry.field(description="Settled, at the custodian.")
    street: Decimal = strawberry.field(description="Dealt but not settled; negative where we have yet to deliver.")
    difference: Decimal = strawberry.field(description="Zero, or something is wrong.")


Desk_ = strawberry.Parent[resolve.Desk]


async def _custody(root: Desk_, info: Info) -> Any:
    return await resolve.custody(info.context, root)


async def _audit(root: Desk_, info: Info) -> Any:
    return await resolve_history.audit(info.context, root.journal_id)


async def _position(root: Desk_, info: Info) -> str:
    return encode_cursor(await resolve.position(info.context, root))


Stuck = Annotated[
    bool,
    strawberry.argument(description="Only those whose venue has owed an answer for a minute, or told of an odd end."),
]


async def _market_orders(
    root: Desk_,
    info: Info,
    stuck: Stuck = False,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    page = await resolve.market_orders_page(info.context, root, stuck, asked_page(first, after, last, before, UUID))
    return connection(page, lambda made: made.id)


@strawberry.input(
    description="Which orders to look for: those for which all of it holds. What is left out is not asked."
)
class OrderFilter:
    account_id: strawberry.ID | None = strawberry.field(default=None, description="Of this account.")
    symbol: str | None = strawberry.field(default=None, description="Of this instrument.")
    statuses: list[OrderStatus] | None = strawberry.field(default=None, description="In one of these states.")
    side: Side | None = strawberry.field(default=None, description="That way.")
    type: OrderType | None = strawberry.field(default=None, description="At the market's price, or with a limit.")
    market_order_id: strawberry.ID | None = strawberry.field(default=None, description="Dealt in this market order.")
    placed_from: datetime.datetime | None = strawberry.field(default=None, description="Accepted then or later.")
    placed_before: datetime.datetime | None = strawberry.field(default=None, description="Accepted before then.")
    stuck: bool = strawberry.field(default=False, description="Open, in a market order that is stuck.")


Filter = Annotated[OrderFilter | None, strawberry.argument(description="Which; all of them if left out.")]


async def _orders(
    root: Desk_,
    info: Info,
    filter: Filter = None,  # noqa: A002
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    found = filter or OrderFilter()
    wanted = resolve.OrderSearch(
        account_id=found.account_id,
        symbol=found.symbol,
        statuses=found.statuses,
        side=found.side,
        type=found.type,
        market_order_id=found.market_order_id,
        placed_from=found.placed_from,
        placed_before=found.placed_before,
        stuck=found.stuck,
    )
    page = await resolve.orders_page(info.context, root, wanted, asked_page(first, after, last, before, UUID))
    return connection(page, lambda order: order.id)


async def _risk_rules(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve_risk.rules_page(info.context, asked_page(first, after, last, before, UUID))
    return connection(page, lambda rule: rule.id)


async def _cases(
    info: Info,
    status: Status = None,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    page = await resolve_cases.cases_page(info.context, status, asked_page(first, after, last, before, UUID))
    return connection(page, lambda case: case.id)


async def _corporate_actions(
    info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
) -> Any:
    page = await resolve_actions.actions_page(info.context, asked_page(first, after, last, before, UUID))
    return connection(page, lambda action: action.id)


@strawberry.type(description="The whole tenant at a glance.")
class Desk:
    custody: list[Custody] = strawberry.field(resolver=_custody, description="Where every share is, by instrument.")
    cursor: str = strawberry.field(
        resolver=_position, description="The newest entry of the journal: pass it to `deskEvents` as `after`."
    )
    audit: Audit = strawberry.field(resolver=_audit, description="How far the journal is proven.")
    replay: Replay = strawberry.field(
        resolver=replay_account,
        description="An account's entries added up again, now, in the log as it stands: 300,000 at most; what is "
        "longer is refused as TOO_LONG, and is for `wealthgraph replay`.",
    )
    market_orders: Connection[MarketOrder] = strawberry.field(
        resolver=_market_orders, description="Market orders, newest first."
    )
    orders: Connection[Order] = strawberry.field(
        resolver=_orders, description="Everybody's orders, or those that are looked for, newest first."
    )
    risk_rules: Connection[RiskRule] = strawberry.field(
        resolver=_risk_rules, description="Rules that orders must keep, and those that ended, newest first."
    )
    corporate_actions: Connection[CorporateAction] = strawberry.field(
        resolver=_corporate_actions, description="Splits, dividends and mergers, the newest announced first."
    )
    cases: Connection[Case] = strawberry.field(
        resolver=_cases, description="What a person must decide, and what was decided, newest first."
    )
    trial_balance: accounting.TrialBalance = strawberry.field(
        resolver=accounting.trial_balance_now, description="The firm's books, now or as of an earlier entry."
    )
    closes: Connection[accounting.DailyClose] = strawberry.field(
        resolver=accounting.closes, description="The books at the end of each business date, newest first."
    )
    general_ledger: ledger_lines.GeneralLedgerPage = strawberry.field(
        resolver=ledger_lines.general_ledger,
        description="Every side of every transfer, in the order in which they were recorded, oldest first.",
    )
    customer_reserve: reserve.CustomerReserve = strawberry.field(
        resolver=reserve.customer_reserve,
        description="What must stand in the bank account for the benefit of customers, and what does.",
    )
    manual_journals: Connection[journals.ManualJournal] = strawberry.field(
        resolver=journals.manual_journals, description="Journals by hand and reversals, newest first."
    )
    reconciliations: Connection[compared.Reconciliation] = strawberry.field(
        resolver=compared.reconciliations,
        description="Comparisons with what the custodian and the bank say, newest first.",
    )
