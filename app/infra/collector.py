"""Python's garbage collector, set for batches: by default it looks through everything once per few thousand objects.

A batch of a thousand orders makes hundreds of thousands, which reference counts free; looking for cycles among them
in between took a fifth of the engine's time in Python, and more on a quiet machine.
"""

import gc
from typing import Final

#: So many objects more than were freed make it look at the young, and ten times as many at all.
THRESHOLDS: Final = 50_000, 10, 10


def set_for_batches() -> None:
    """Call it once everything is loaded, which is then not looked at any more."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
