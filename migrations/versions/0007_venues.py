"""What venues deal by, and a paper venue that remembers whole orders."""

from migrations.script import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script("0007_venues.sql")
