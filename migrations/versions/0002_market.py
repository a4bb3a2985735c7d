"""Instruments, bars and the market's clock."""

from migrations.script import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("0002_market.sql")
