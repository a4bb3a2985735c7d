"""Blocks of the log, the tree over them, and signed checkpoints."""

from migrations.script import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script("0014_proof.sql")
