"""Limit orders, times in force, replacing, canceling in flight, busts and corrections; who leads which shard."""

from migrations.script import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script("0005_order_states.sql")
