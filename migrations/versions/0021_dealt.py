"""What was dealt in an instrument since a day is found by an index."""

from migrations.script import run_script

revision = "0021"
down_revision = "0019"


def upgrade() -> None:
    run_script("0021_dealt.sql")
