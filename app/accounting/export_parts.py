"""What belongs to a customer, table by table: for an export of all of it, and to know of every table which it is.

Each part is one file of the export, with a statement that finds its rows by the account's id ($1) and book ($2). A
table with a column that may name an account, a book, an order or a person stands either behind a part, or in
``NOT_THEIRS`` with the reason; a test holds that against the database.

Deals are made for several customers together. A part shows the customer's own share of them, and of the whole only
prices and times: with its quantity and the number of those who took part, one of two could work out the other's.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Part:
    """One file of the export, and the tables that are in it."""

    name: str
    tables: tuple[str, ...]
    statement: str


PARTS: Final = (
    Part(
        "account",
        ("account", "ledger.book"),
        "SELECT a.id, a.owner_id, a.name, a.status, a.opened_at, b.sequence AS entries"
        " FROM account a JOIN ledger.book b ON b.id = a.book_id WHERE a.id = $1 AND a.book_id = $2",
    ),
    Part(
        "balances",
        ("ledger.account",),
        "SELECT k.code AS kind, s.code AS asset, a.balance, a.sequence AS movements FROM ledger.account a"
        " JOIN ledger.account_kind k ON k.id = a.kind JOIN ledger.asset s ON s.id = a.asset_id"
        " WHERE $1::uuid IS NOT NULL AND a.book_id = $2 ORDER BY a.id",
    ),
    Part(
        "entries",
        ("ledger.event", "ledger.transfer"),
        """
        SELECT e.position, e.sequence, e.type, e.version, e.actor, e.cause, e.correlation, e.recorded_at,
          e.effective_at, e.data, coalesce(m.transfers, '[]') AS transfers
        FROM ledger.event e LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object(
            'debit', d.code, 'credit', c.code, 'asset', s.code, 'amount', t.amount::text,
            'debit_balance', CASE WHEN t.debit_account_id >> 25 = $2 THEN t.debit_balance::text END,
            'credit_balance', CASE WHEN t.credit_account_id >> 25 = $2 THEN t.credit_balance::text END
          ) ORDER BY t.leg) AS transfers
          FROM ledger.transfer t JOIN ledger.account_kind d ON d.id = t.debit_account_id & 31
          JOIN ledger.account_kind c ON c.id = t.credit_account_id & 31
          JOIN ledger.asset s ON s.id = (t.debit_account_id >> 5) & 1048575
          WHERE t.journal_id = e.journal_id AND t.position = e.position) AS m ON true
        WHERE $1::uuid IS NOT NULL AND e.book_id = $2 ORDER BY e.sequence""",
    ),
    Part(
        "orders",
        ("customer_order",),
        """
        SELECT o.id, i.symbol, o.side, o.type, o.amount, o.quantity, o.sell_all, o.limit_price, o.time_in_force,
          o.expires_at, o.status, o.reference_price, o.held, o.filled_quantity, o.filled_amount, o.reason, o.placed_at,
          o.ended_at, o.replaces, o.replaced_by, o.market_order_id
        FROM customer_order o JOIN instrument i ON i.id = o.instrument_id
        WHERE o.account_id = $1 AND o.book_id = $2 ORDER BY o.id""",
    ),
    Part(
        "allocations",
        ("allocation", "market_order"),
        """
        SELECT a.order_id, a.market_order_id, a.quantity, a.filled_quantity, a.filled_amount, m.capacity, m.trade_date,
          m.settles_on, m.status AS market_order_status
        FROM customer_order o JOIN allocation a ON a.order_id = o.id JOIN market_order m ON m.id = a.market_order_id
        WHERE o.account_id = $1 AND o.book_id = $2 ORDER BY a.order_id""",
    ),
    Part(
        "executions",
        ("execution",),
        """
        SELECT a.order_id, e.venue, e.kind, e.price, e.trade_date, e.settles_on, e.executed_at, e.standing
        FROM customer_order o JOIN allocation a ON a.order_id = o.id
        JOIN execution e ON e.market_order_id = a.market_order_id
        WHERE o.account_id = $1 AND o.book_id = $2 ORDER BY a.order_id, e.id""",
    ),
    Part(
        "lots",
        ("lot",),
        "SELECT l.id, l.order_id, i.symbol, l.opened_on, l.quantity, l.cost, l.remaining, l.remaining_cost FROM lot l"
        " JOIN instrument i ON i.id = l.instrument_id WHERE $1::uuid IS NOT NULL AND l.book_id = $2 ORDER BY l.id",
    ),
    Part(
        "lot_sales",
        ("lot_sale",),
        "SELECT s.order_id, s.action_id AS corporate_action_id, s.lot_id, s.sold_on, s.quantity, s.cost, s.proceeds"
        " FROM lot l JOIN lot_sale s ON s.lot_id = l.id WHERE $1::uuid IS NOT NULL AND l.book_id = $2"
        " ORDER BY s.sold_on, s.lot_id, s.order_id",
    ),
    Part(
        "dividends",
        ("dividend_entitlement", "corporate_action"),
        "SELECT c.id, i.symbol, c.ex_date, c.pay_date, d.quantity, d.amount, d.paid_at FROM dividend_entitlement d"
        " JOIN corporate_action c ON c.id = d.action_id JOIN instrument i ON i.id = c.instrument_id"
        " WHERE $1::uuid IS NOT NULL AND d.book_id = $2 ORDER BY c.id",
    ),
    Part(
        "proceeds",
        ("cash_settlement",),
        "SELECT order_id, amount, due_on, settled_at FROM cash_settlement"
        " WHERE $1::uuid IS NOT NULL AND book_id = $2 ORDER BY order_id, due_on",
    ),
    Part(
        "violations",
        ("cash_violation",),
        "SELECT id, kind, sold_by, bought_by, occurred_on, proceeds_due, recorded_at FROM cash_violation"
        " WHERE account_id = $1 AND $2::bigint IS NOT NULL ORDER BY id",
    ),
    Part(
        "rules",
        ("risk_rule",),
        "SELECT id, kind, value, effective_from, effective_until, set_at, ended_at FROM risk_rule"
        " WHERE account_id = $1 AND book_id = $2 ORDER BY id",
    ),
    Part(
        "journals",
        ("manual_journal",),
        "SELECT id, kind, reverses, effective_at, decided_at, CASE WHEN book_id = $2 THEN position END AS position"
        " FROM manual_journal WHERE (account_id = $1 OR to_account_id = $1) AND $2 IN (book_id, to_book_id)"
        " AND status = 'POSTED' ORDER BY id",
    ),
)

#: Tables that name accounts, books, orders or persons and are not a customer's to take along.
NOT_THEIRS: Final = {
    "allocation_run": "where a sharing-out under way has come to; what came of it is in the allocations",
    "case_entry": "what operators note on their cases",
    "daily_close": "the firm's books",
    "fix.message": "what was said to a venue; it knows no customers",
    "fix.session": "what was said to a venue; it knows no customers",
    "ops_case": "what operators have to decide; some of it a customer must not be told",
    "paper.custody_account": "the sandbox custodian's own record, of accounts that are the firm's",
    "paper.custody_movement": "the sandbox custodian's own record, of accounts that are the firm's",
    "paper.venue_order": "the sandbox venue's own record; it knows no customers",
    "reconciliation": "the firm's books",
    "trial_balance_row": "the firm's books",
    "trade_settlement": "what the firm owes the clearing house for all who took part",
    "venue_order": "how a market order stands with its venue",
    "ledger.idempotency": "requests that were answered; what they did is in the entries",
    "ledger.snapshot": "what the auditor found accounts to stand at; the entries say it too",
    "ledger.account_kind": "the chart of accounts, the same for everybody",
}

#: What makes a table one to decide about: a column of one of these names.
NAMING: Final = "account|book|order|lot_id|owner|caller|person|customer|sold_by|subject"
