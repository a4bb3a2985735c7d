"""Where the tests publish, and with which key."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.proof.keys import KeyRing
from app.proof.publisher import AlreadyPublished, Publisher
from app.proof.seal import Seals


@dataclass
class MemoryPublisher:
    """Keeps what is published in memory."""

    notes: dict[tuple[str, int], str] = field(default_factory=dict)

    def publish(self, origin: str, size: int, note: str) -> None:
        if self.notes.setdefault((origin, size), note) != note:
            raise AlreadyPublished(f"another checkpoint of {origin} at {size}")

    def newest(self, origin: str) -> int | None:
        return max(self.sizes(origin), default=None)

    def sizes(self, origin: str) -> list[int]:
        return sorted(size for of, size in self.notes if of == origin)

    def read(self, origin: str, size: int) -> str:
        return self.notes[origin, size]


def new_seals(publisher: Publisher | None = None) -> Seals:
    """A fresh key."""
    return Seals(KeyRing(Ed25519PrivateKey.generate()), publisher or MemoryPublisher(), "test.example")
