"""FIX sessions and their messages."""

from migrations.script import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script("0006_fix.sql")
