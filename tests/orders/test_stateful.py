"""Anything may happen in any order: after every step each balance equals the model's, and nothing is lost or made.

``EXAMPLES=200`` tries that many sequences with each venue.
"""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from app.infra import embedded
from app.venues.paper import PaperBehaviour
from tests.orders.anything import Anything

WILD = PaperBehaviour(reject=0.1, leave_rest=0.25, split=0.7, first_ms=(5, 80), next_ms=(5, 150), slip_cents=30)
#: Takes deals back and corrects them, and answers slowly, so that requests cross with what happens; now and then it
#: loses what it says.
FICKLE = replace(
    WILD, bust=0.15, correct=0.15, lose=0.1, aftermath_ms=(20, 1_500), answer_ms=(5, 400), next_ms=(50, 400)
)
#: Loses, repeats and mixes up what it says.
DEAF = replace(WILD, lose=0.1, duplicate=0.2, reorder=0.2, answer_ms=(5, 400), next_ms=(50, 400))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("behaviour", [WILD, FICKLE, DEAF], ids=["wild", "fickle", "deaf"])
def test_every_balance_equals_the_models(postgres: embedded.Server, template: str, behaviour: PaperBehaviour) -> None:
    class Here(Anything):
        server = postgres

    Here.template = template
    Here.behaviour = behaviour
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=int(os.environ.get("EXAMPLES", "12")),
            stateful_step_count=30,
            deadline=None,
            derandomize="EXAMPLES" not in os.environ,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate] if "NO_SHRINK" in os.environ else list(Phase),
        ),
    )
