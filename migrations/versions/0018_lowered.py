"""What a venue has lowered an order to without its being wanted any more."""

from migrations.script import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_script("0018_lowered.sql")
