"""The tables of rules and violations, for reading by the API."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Table, Text, Uuid

from app.infra.database import Units, metadata

risk_rule = Table(
    "risk_rule",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account_id", Uuid),
    Column("instrument_id", Integer),
    Column("per_account", Boolean, nullable=False),
    Column("value", Units),
    Column("reason", Text, nullable=False),
    Column("effective_from", DateTime(timezone=True), nullable=False),
    Column("effective_until", DateTime(timezone=True)),
    Column("at_once", Boolean, nullable=False),
    Column("book_id", BigInteger, nullable=False),
    Column("set_by", Text, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    Column("ended_by", Text),
    Column("ended_at", DateTime(timezone=True)),
    Column("end_reason", Text),
)

cash_violation = Table(
    "cash_violation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sold_by", Uuid, nullable=False),
    Column("bought_by", Uuid, nullable=False),
    Column("occurred_on", Date, nullable=False),
    Column("proceeds_due", Date),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)
