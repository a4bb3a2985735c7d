"""The ledger's tables, for reading: only ``ledger.post`` writes them."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.infra.database import Units, metadata

asset = Table(
    "asset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    schema="ledger",
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("partition_size", BigInteger, nullable=False),
    schema="ledger",
)

journal_head = Table(
    "journal_head",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("room", BigInteger, nullable=False),
    Column("archived", BigInteger, nullable=False),
    Column("archived_recorded_at", DateTime(timezone=True), nullable=False),
    Column("archived_effective_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    schema="ledger",
)

book = Table(
    "book",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("journal_id", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("reference", Uuid, nullable=False, unique=True),
    Column("sequence", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    schema="ledger",
)

account = Table(
    "account",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("journal_id", Integer, nullable=False),
    Column("book_id", BigInteger, nullable=False),
    Column("asset_id", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("balance", Units, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("may_be_negative", Boolean, nullable=False),
    Column("closed", Boolean, nullable=False),
    schema="ledger",
)

event = Table(
    "event",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("book_id", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("version", SmallInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("cause", Uuid),
    Column("correlation", Uuid),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("effective_at", DateTime(timezone=True), nullable=False),
    Column("lateness", SmallInteger, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("latest_effective_at", DateTime(timezone=True), nullable=False),
    schema="ledger",
)

transfer = Table(
    "transfer",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("leg", SmallInteger, primary_key=True),
    Column("debit_account_id", BigInteger, nullable=False),
    Column("debit_sequence", BigInteger, nullable=False),
    Column("debit_balance", Units, nullable=False),
    Column("credit_account_id", BigInteger, nullable=False),
    Column("credit_sequence", BigInteger, nullable=False),
    Column("credit_balance", Units, nullable=False),
    Column("amount", Units, nullable=False),
    Column("lateness", SmallInteger, nullable=False),
    schema="ledger",
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("journal_id", Integer, nullable=False),
    Column("account_id", BigInteger, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("balance", Units, nullable=False),
    schema="ledger",
)

audit = Table(
    "audit",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("proven", BigInteger, nullable=False),
    Column("proven_at", DateTime(timezone=True)),
    Column("disagreement", Text),
    schema="ledger",
)
