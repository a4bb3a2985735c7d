"""``python -m benchmarks``: all of them."""

from benchmarks import ledger, orders

if __name__ == "__main__":
    ledger.main()
    orders.main()
