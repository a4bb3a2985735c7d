"""The market's tables, as migrations/sql/0002_market.sql makes them: the same for every tenant."""

from sqlalchemy import (
    Boolean,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    Integer,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR

from app.infra.database import metadata

instrument = Table(
    "instrument",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    # Byte order: a prefix is then a range of the unique index, and pages sort alike on every server
    Column("symbol", Text(collation="C"), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("exchange", Text, nullable=False),
    Column("whole_shares", Boolean, nullable=False),
    Column("tradable", Boolean, nullable=False),
    Column(
        "search",
        TSVECTOR,
        Computed(
            "to_tsvector('simple', regexp_replace(symbol || ' ' || name, '[^[:alnum:]]+', ' ', 'g'))",
            persisted=True,
        ),
        nullable=False,
    ),
)

bar = Table(
    "bar",
    metadata,
    Column("instrument_id", Integer, ForeignKey("instrument.id"), primary_key=True),
    Column("interval", String(16), primary_key=True),
    Column("time", DateTime(timezone=True), primary_key=True),
    Column("open", Numeric(38, 8)),
    Column("high", Numeric(38, 8)),
    Column("low", Numeric(38, 8)),
    Column("close", Numeric(38, 8), nullable=False),
    Column("volume", Numeric(38, 8)),
    Column("source", String(16), nullable=False),
    postgresql_partition_by="RANGE (time)",
)

instrument_split = Table(
    "instrument_split",
    metadata,
    Column("instrument_id", Integer, ForeignKey("instrument.id"), primary_key=True),
    Column("effective_at", DateTime(timezone=True), primary_key=True),
    Column("new_shares", Numeric(38, 8), nullable=False),
    Column("old_shares", Numeric(38, 8), nullable=False),
)

market_clock = Table(
    "market_clock",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("anchor_market", DateTime(timezone=True), nullable=False),
    Column("anchor_wall", DateTime(timezone=True), nullable=False),
    Column("speed", Integer, nullable=False),
    Column("seen_wall", DateTime(timezone=True), nullable=False),
)
