"""Posting in one walk through each index, and no foreign keys on what every transfer updates."""

from migrations.script import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_script("0017_post.sql")
