"""What orders have that left a market order before its end."""

from migrations.script import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script("0009_departed.sql")
