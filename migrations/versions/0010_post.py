"""ledger.post with plans that are made once."""

from migrations.script import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script("0010_post.sql")
