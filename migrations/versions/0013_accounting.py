"""The firm's books: daily closes, manual journals, reconciliations."""

from migrations.script import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script("0013_accounting.sql")
