"""Risk rules, violations of the cash account's rules, and operators' cases."""

from migrations.script import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script("0008_risk.sql")
