"""The tables of corporate actions, for reading by the API."""

from sqlalchemy import BigInteger, Column, Date, DateTime, Integer, Table, Text, Uuid

from app.infra.database import Units, metadata

corporate_action = Table(
    "corporate_action",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("instrument_id", Integer, nullable=False),
    Column("into_id", Integer),
    Column("status", Text, nullable=False),
    Column("new_shares", Units),
    Column("old_shares", Units),
    Column("cash_per_share", Units),
    Column("fractions", Text, nullable=False),
    Column("price", Units),
    Column("ex_date", Date, nullable=False),
    Column("record_date", Date, nullable=False),
    Column("pay_date", Date),
    Column("begins_at", DateTime(timezone=True), nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("halt_rule_id", Uuid),
    Column("stage", Text),
    Column("begun_at", DateTime(timezone=True)),
    Column("through", BigInteger, nullable=False),
    Column("accounts", Integer, nullable=False),
    Column("shares_before", Units, nullable=False),
    Column("shares_after", Units, nullable=False),
    Column("cash", Units, nullable=False),
    Column("house_cash", Units, nullable=False),
    Column("reason", Text, nullable=False),
    Column("announced_by", Text, nullable=False),
    Column("announced_at", DateTime(timezone=True), nullable=False),
    Column("canceled_by", Text),
    Column("canceled_at", DateTime(timezone=True)),
    Column("cancel_reason", Text),
    Column("completed_at", DateTime(timezone=True)),
)

dividend_entitlement = Table(
    "dividend_entitlement",
    metadata,
    Column("action_id", Uuid, primary_key=True),
    Column("book_id", BigInteger, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("amount", Units, nullable=False),
    Column("paid_at", DateTime(timezone=True)),
)
