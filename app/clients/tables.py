"""The table of accounts."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, Table, Text, Uuid

from app.infra.database import metadata

account = Table(
    "account",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("owner_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("book_id", BigInteger, nullable=False, unique=True),
    Column("opened_at", DateTime(timezone=True), nullable=False),
)
