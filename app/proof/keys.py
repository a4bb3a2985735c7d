"""The key that signs checkpoints: given, or made once and kept in a file that only its owner can read.

It never goes into the database: who can change everything there must not be able to sign what they made of it.
"""

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.proof.note import SignerKey, VerifierKey, from_base64, to_base64

_FILE = "checkpoint.key"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyRing:
    """One private key that signs, and the public keys of those that signed before it. Each log has its own name."""

    private: Ed25519PrivateKey
    retired: Sequence[bytes] = ()

    def signer(self, origin: str) -> SignerKey:
        """The key that signs checkpoints of this log."""
        return SignerKey(origin, self.private)

    def verifiers(self, origin: str) -> list[VerifierKey]:
        """Every key that may have signed checkpoints of this log; the one that signs now stands first."""
        return [self.signer(origin).verifier, *(VerifierKey(origin, public) for public in self.retired)]


def key_ring(home: Path, given: str | None, retired: Sequence[str] = ()) -> KeyRing:
    """The keys: the private one that was ``given``, or the one kept in ``home``; all in base64.

    Raises ``ValueError`` for what is no key.
    """
    private = Ed25519PrivateKey.from_private_bytes(_bytes_of("PROOF_KEY", given or _kept(home)))
    return KeyRing(private, [_bytes_of("PROOF_RETIRED_KEYS", each) for each in retired])


def _kept(home: Path) -> str:
    path = home / _FILE
    home.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = home / f"{_FILE}.{secrets.token_hex(4)}"
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(to_base64(Ed25519PrivateKey.generate().private_bytes_raw()))
        # Linking is atomic, so of two processes that start at once both read one whole key.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(made)
        made.unlink()
    return path.read_text().strip()


def _bytes_of(setting: str, text: str) -> bytes:
    try:
        found = from_base64(text.strip())
    except ValueError:
        found = b""
    if len(found) != _BYTES:
        # Never show what was given: it may be a key with a letter too many.
        raise ValueError(f"{setting} must be {_BYTES} bytes in base64, such as `openssl rand -base64 32` makes")
    return found
