"""The tables of the accounting room, for reading by the API."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.infra.database import metadata

daily_close = Table(
    "daily_close",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("business_date", Date, nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("hash", Text, nullable=False),
    Column("totals", JSONB, nullable=False),
    Column("custody", JSONB, nullable=False),
    Column("balanced", Boolean, nullable=False),
    Column("closed_by", Text, nullable=False),
    Column("closed_at", DateTime(timezone=True), nullable=False),
)

manual_journal = Table(
    "manual_journal",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("account_id", Uuid),
    Column("book_id", BigInteger, nullable=False),
    Column("to_account_id", Uuid),
    Column("to_book_id", BigInteger),
    Column("lines", JSONB, nullable=False),
    Column("reverses", BigInteger),
    Column("reason", Text, nullable=False),
    Column("effective_at", DateTime(timezone=True)),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("decision", Text),
    Column("position", BigInteger),
)

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("business_date", Date),
    Column("as_of", DateTime(timezone=True), nullable=False),
    Column("source", Text, nullable=False),
    Column("file_hash", Text, nullable=False),
    Column("accounts", ARRAY(Text), nullable=False),
    Column("compared", Integer, nullable=False),
    Column("breaks", JSONB, nullable=False),
    Column("run_by", Text, nullable=False),
    Column("run_at", DateTime(timezone=True), nullable=False),
)
