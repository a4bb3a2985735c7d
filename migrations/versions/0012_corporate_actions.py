"""Corporate actions, who is entitled to dividends, and at which terms the market quotes."""

from migrations.script import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script("0012_corporate_actions.sql")
