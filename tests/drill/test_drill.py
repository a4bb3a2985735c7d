"""The drill measures what it says: it sees a loss where there is one, and none where commits waited for the backup."""

from datetime import timedelta

import pytest

from app.drill.drill import CASES, Case, run_case
from tests.infra.test_backup import temporary_folder


@pytest.mark.parametrize("case", CASES[1:], ids=lambda case: case.name)
def test_what_is_lost_and_what_is_not(case: Case) -> None:
    said: list[str] = []
    with temporary_folder() as place:
        found = run_case(place, 0.5, 20, case, said.append)
    assert found.proven
    assert found.exact, said
    assert found.acknowledged > 0
    if case.synchronous:
        assert (found.lost, found.recovery_point) == (0, timedelta())
    else:
        assert found.lost > 0, "commits went on for a quarter of a second after the backup was cut off"
        assert timedelta() < found.recovery_point
