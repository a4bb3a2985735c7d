"""Random numbers without a generator: pure functions of a key, the same in every process and run."""

from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist
from typing import Final

_BITS: Final = 52
_STANDARD: Final[NormalDist] = NormalDist()


def uniform(*key: int | str) -> float:
    """A number strictly between 0 and 1 that depends on the key alone."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    # 52 bits and a half: a double holds it exactly and never rounds to 0 or 1, which have no quantile
    return ((int.from_bytes(digest) >> (64 - _BITS)) + 0.5) / (1 << _BITS)


@lru_cache(maxsize=1 << 15)
def normal(*key: int | str) -> float:
    """A draw from the standard normal distribution that depends on the key alone."""
    return _STANDARD.inv_cdf(uniform(*key))
