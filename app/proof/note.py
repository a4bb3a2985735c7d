"""Signed notes, as c2sp.org/signed-note has them: a text, an empty line, and a line for each signature."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ED25519 = b"\x01"
_DASH = "— "


class NoteInvalid(Exception):
    """The note is not one, or is not signed by a key that counts."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key under a name. The same key has another id under another name."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that tell one key of a name from another, so that keys can be changed."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """As verifiers take it: name, id and key."""
        return f"{self.name}+{self.id.hex()}+{to_base64(_ED25519 + self.public)}"


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A private key under a name."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The text as a signed note. It must end with a line's end; signing it again gives the same note."""
        assert text.endswith("\n"), "a note's text ends with its last line"
        signature = self.verifier.id + self.private.sign(text.encode())
        return f"{text}\n{_DASH}{self.name} {to_base64(signature)}\n"


def open_note(note: str, keys: Iterable[VerifierKey]) -> str:
    """The note's text, if one of the keys signed it. Raises ``NoteInvalid``."""
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise NoteInvalid("it is not a signed note: there is no signature below an empty line")
    text += "\n"
    known = {(key.name, key.id): key for key in keys}
    signed = False
    for line in signatures[:-1].split("\n"):
        name, signature = _signature_in(line)
        key = known.get((name, signature[:4]))
        if key is None:
            continue  # another's, of whom we know nothing
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
        except InvalidSignature:
            raise NoteInvalid(f"the signature of {name} ({key.id.hex()}) is not of this text") from None
        signed = True
    if not signed:
        ids = ", ".join(f"{key.name}+{key.id.hex()}" for key in known.values())
        raise NoteInvalid(f"it is signed by no key that counts ({ids})")
    return text


def _signature_in(line: str) -> tuple[str, bytes]:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    try:
        signature = from_base64(encoded)
    except ValueError:
        signature = b""
    if not line.startswith(_DASH) or not separator or not name or len(signature) <= 4:
        raise NoteInvalid(f"{line[:80]!r} is not a line with a signature")
    return name, signature


def from_base64(text: str) -> bytes:
    """Bytes from base64 in its one form. Raises ``ValueError``."""
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{text[:80]!r} is not base64") from error
    if to_base64(found) != text:
        raise ValueError(f"{text[:80]!r} is not base64 in its one form")
    return found


def to_base64(data: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(data).decode()
