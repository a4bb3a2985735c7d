"""The tables of blocks and checkpoints: only ever added to."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, SmallInteger, Table, Text

from app.infra.database import metadata

block = Table(
    "block",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    schema="ledger",
)

tree_node = Table(
    "tree_node",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("level", SmallInteger, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    schema="ledger",
)

checkpoint = Table(
    "checkpoint",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("previous_size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("note", Text, nullable=False),
    schema="ledger",
)

publication = Table(
    "publication",
    metadata,
    Column("journal_id", Integer, primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("published_at", DateTime(timezone=True), nullable=False),
    schema="ledger",
)
