"""A close keeps its trial balance."""

from migrations.script import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_script("0019_kept_books.sql")
