"""A message as its type and its fields, in order. The session adds the envelope of one that is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.fix.errors import FieldError
from app.fix.tags import ADMINISTRATIVE, SessionRejectReason, Tag

_SOH: Final = "\x01"


@dataclass(frozen=True, slots=True)
class Message:
    """``fields`` are pairs of number and text. BeginString, BodyLength, MsgType and CheckSum are never among them."""

    type: str
    fields: tuple[tuple[int, str], ...] = ()

    @classmethod
    def of(cls, type_: str, fields: Mapping[Tag, object]) -> "Message":
        """A message to be sent; fields that are None are left out. Raises ``ValueError`` for text FIX can't carry."""
        pairs = tuple((int(tag), str(value)) for tag, value in fields.items() if value is not None)
        for tag, text in pairs:
            if not text or _SOH in text or "\0" in text:
                raise ValueError(
                    f"field {tag} cannot be {text!r}: a value in FIX is neither empty nor holds SOH or NUL"
                )
        return cls(str(type_), pairs)

    @property
    def administrative(self) -> bool:
        """Whether the session settles it by itself."""
        return self.type in ADMINISTRATIVE

    def get(self, tag: int) -> str | None:
        """The first field of that number."""
        return next((text for number, text in self.fields if number == tag), None)

    def has(self, tag: int, text: str = "Y") -> bool:
        """Whether the field says ``text``."""
        return self.get(tag) == text

    def __getitem__(self, tag: int) -> str:
        """The first field of that number; raises ``FieldError`` if there is none."""
        found = self.get(tag)
        if found is None:
            text = f"field {int(tag)} is missing in a message of type {self.type}"
            raise FieldError(SessionRejectReason.REQUIRED_TAG_MISSING, int(tag), text)
        return found

    def number(self, tag: int) -> int:
        """The field as a whole number that isn't negative; raises ``FieldError`` for anything else."""
        text = self[tag]
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            message = f"field {int(tag)} is {text[:40]!r}, which is not a whole number"
            raise FieldError(SessionRejectReason.INCORRECT_DATA_FORMAT, int(tag), message)
        return int(text)

    def __str__(self) -> str:
        return f"35={self.type}|" + "|".join(f"{tag}={text}" for tag, text in self.fields)
