"""Answers to requests with a key are kept for a time."""

from migrations.script import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script("0015_forget.sql")
