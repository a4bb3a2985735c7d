"""The local key of tokens: given, or made once and kept in a file that only its owner can read."""

import contextlib
import os
import secrets
from pathlib import Path

from app.identity.tokens import LocalKey
from app.kernel.clock import Clock

_FILE = "token.key"


def local_key(home: Path, given: str | None, clock: Clock) -> LocalKey:
    """The key that was ``given``, or the one kept in ``home``."""
    if given is not None:
        return LocalKey(given.encode(), clock)
    path = home / _FILE
    home.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = home / f"{_FILE}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
        # Linking is atomic, so of two processes that start at once both read one whole key.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(made)
        made.unlink()
    return LocalKey(path.read_bytes(), clock)
