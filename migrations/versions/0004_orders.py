"""Orders, market orders, allocations, executions, lots, settlements and the paper venue."""

from migrations.script import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script("0004_orders.sql")
