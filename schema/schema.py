"""The whole schema. ``schema.graphql`` beside it is what it prints, and is checked."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from schema.accounting import DailyClose
from schema.accounts import Account
from schema.cases import Case
from schema.corporate_actions import CorporateAction
from schema.journal import JournalEntry
from schema.ledger_lines import LedgerAccount
from schema.manual_journals import ManualJournal
from schema.market import Instrument
from schema.market_orders import MarketOrder
from schema.mutation import Mutation
from schema.orders import Order
from schema.query import Query
from schema.reconciliations import Reconciliation
from schema.risk import RiskRule
from schema.scalars import DECIMAL, Decimal
from schema.subscription import Subscription

schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    types=[
        Account,
        Case,
        CorporateAction,
        DailyClose,
        Instrument,
        JournalEntry,
        LedgerAccount,
        ManualJournal,
        MarketOrder,
        Order,
        Reconciliation,
        RiskRule,
    ],
    config=StrawberryConfig(scalar_map={Decimal: DECIMAL}),
)
