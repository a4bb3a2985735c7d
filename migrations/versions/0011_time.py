"""Two clocks, partitions and snapshots."""

from migrations.script import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_script("0011_time.sql")
