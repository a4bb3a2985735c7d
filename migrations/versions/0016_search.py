"""A time is found among positions by guessing where it stands: as quickly in a long log as in a short one."""

from migrations.script import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script("0016_search.sql")
