"""``python -m benchmarks``: all of them."""

from benchmarks.ledger.__main__ import main as ledger
from benchmarks.orders.__main__ import main as orders

if __name__ == "__main__":
    ledger()
    orders()
