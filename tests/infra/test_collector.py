import gc
from collections.abc import Iterator

import pytest

from app.infra.collector import THRESHOLDS, set_for_batches


@pytest.fixture
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.mark.usefixtures("as_before")
def test_what_is_loaded_is_left_alone_and_cycles_are_still_found() -> None:
    loaded = gc.get_objects()
    set_for_batches()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() >= len(loaded) // 2
    before = gc.get_stats()[0]["collections"]
    for _ in range(2 * THRESHOLDS[0]):
        cycle: list[object] = []
        cycle.append(cycle)
    assert gc.get_stats()[0]["collections"] > before
    assert gc.get_count()[0] < THRESHOLDS[0] + 1_000, "the cycles are gone"
