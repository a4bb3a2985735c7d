"""The tables of orders, for reading by the API. The use cases write them with SQL of their own."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Integer, Table, Text, Uuid

from app.infra.database import Units, metadata

customer_order = Table(
    "customer_order",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("account_id", Uuid, nullable=False),
    Column("book_id", BigInteger, nullable=False),
    Column("instrument_id", Integer, nullable=False),
    Column("side", Text, nullable=False),
    Column("amount", Units),
    Column("quantity", Units),
    Column("sell_all", Boolean, nullable=False),
    Column("status", Text, nullable=False),
    Column("reference_price", Units, nullable=False),
    Column("held", Units, nullable=False),
    Column("funded_settled", Units, nullable=False),
    Column("funded_unsettled", Units, nullable=False),
    Column("funded_instant", Units, nullable=False),
    Column("filled_quantity", Units, nullable=False),
    Column("filled_amount", Units, nullable=False),
    Column("market_order_id", Uuid),
    Column("reason", Text),
    Column("placed_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)

market_order = Table(
    "market_order",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("book_id", BigInteger, nullable=False, unique=True),
    Column("instrument_id", Integer, nullable=False),
    Column("side", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("capacity", Text, nullable=False),
    Column("requested_quantity", Units, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("supplied", Units, nullable=False),
    Column("reference_price", Units, nullable=False),
    Column("filled_quantity", Units, nullable=False),
    Column("filled_amount", Units, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("settles_on", Date, nullable=False),
    Column("reason", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("claimed_by", Uuid, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
)

allocation = Table(
    "allocation",
    metadata,
    Column("market_order_id", Uuid, primary_key=True),
    Column("order_id", Uuid, primary_key=True, unique=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("filled_quantity", Units, nullable=False),
    Column("filled_amount", Units, nullable=False),
)

execution = Table(
    "execution",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("market_order_id", Uuid, nullable=False),
    Column("venue", Text, nullable=False),
    Column("trade_date", Date, nullable=False),
    Column("venue_execution_id", Text, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("price", Units, nullable=False),
    Column("executed_at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
)

lot = Table(
    "lot",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("book_id", BigInteger, nullable=False),
    Column("instrument_id", Integer, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("cost", Units, nullable=False),
    Column("remaining", Units, nullable=False),
    Column("remaining_cost", Units, nullable=False),
)

lot_sale = Table(
    "lot_sale",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("lot_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("sold_on", Date, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("cost", Units, nullable=False),
    Column("proceeds", Units, nullable=False),
)

trade_settlement = Table(
    "trade_settlement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("market_order_id", Uuid, nullable=False),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("instrument_id", Integer, nullable=False),
    Column("side", Text, nullable=False),
    Column("quantity", Units, nullable=False),
    Column("customers_amount", Units, nullable=False),
    Column("house_amount", Units, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("settled_at", DateTime(timezone=True)),
)

cash_settlement = Table(
    "cash_settlement",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("journal_id", Integer, nullable=False),
    Column("book_id", BigInteger, nullable=False),
    Column("amount", Units, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("settled_at", DateTime(timezone=True)),
)
