"""What holds where a tenant has no rule of its own for everybody.

A broker-dealer with market access must refuse orders beyond price and size parameters, one by one and over short
periods (SEC Rule 15c3-5(c)(1)(ii)); which figures, it must find for itself. These are ours, and why:

- PRICE_COLLAR 10 %: the widest band of the exchanges' own protection of limit orders (NYSE Arca Rule 7.31, whose 10, 5
  and 3 % are the guidelines of FINRA Rule 11892 for clearly erroneous trades). An exchange would refuse what is beyond.
- STALE_QUOTE 300 s: the period over which the reference price of the limit-up/limit-down bands is averaged.
- MAX_ORDER_QUANTITY 999,999: the most that one order may be for in Nasdaq's OUCH protocol.
- MAX_ORDER_VALUE 10,000,000: no authority names a figure; no retail order comes near, and a slip of the finger may.
- ORDERS_PER_MINUTE 200 for each account: what Alpaca allows a customer's program.

There is none for MAX_DAILY_VALUE: cash accounts can't spend more than they have, and the ledger sees to that.
"""

from typing import Final

from app.kernel.money import UNIT
from app.risk.types import Rule, RuleKind

DEFAULTS: Final = (
    Rule(RuleKind.PRICE_COLLAR, 10 * UNIT),
    Rule(RuleKind.STALE_QUOTE, 300 * UNIT),
    Rule(RuleKind.MAX_ORDER_QUANTITY, 999_999 * UNIT),
    Rule(RuleKind.MAX_ORDER_VALUE, 10_000_000 * UNIT),
    Rule(RuleKind.ORDERS_PER_MINUTE, 200 * UNIT, per_account=True),
)
