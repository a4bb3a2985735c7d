"""What was dealt in an instrument since a day is found by an index."""

from migrations.script import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script("0020_dealt.sql")
