"""Opaque ids: Relay's global ids for things, cursors for places in a list."""

import base64
import binascii
from uuid import UUID


def encode_id(type_name: str, key: object) -> str:
    """The global id of a thing."""
    return base64.urlsafe_b64encode(f"{type_name}:{key}".encode()).decode().rstrip("=")


def decode_id(global_id: str) -> tuple[str, str]:
    """The type and the key in a global id. Raises ``ValueError`` for anything we did not make."""
    type_name, separator, key = _decoded(global_id).partition(":")
    if not separator or not type_name.isidentifier() or encode_id(type_name, key) != global_id:
        raise ValueError(f"{global_id[:40]!r} is not an id of ours")
    return type_name, key


def uuid_in(global_id: str, type_name: str) -> UUID:
    """The UUID in a global id of that type. Raises ``ValueError`` for any other."""
    found, key = decode_id(global_id)
    if found != type_name:
        raise ValueError(f"{global_id[:40]!r} is the id of a {found}, not of an {type_name}")
    return UUID(key)


def encode_cursor(key: object) -> str:
    """The place in a list after the item with this key."""
    return base64.urlsafe_b64encode(f"{key}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> str:
    """The key in a cursor. Raises ``ValueError`` for anything we did not make."""
    return _decoded(cursor)


def _decoded(text: str) -> str:
    if len(text) > 200:
        raise ValueError("too long to be an id or cursor of ours")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise ValueError(f"{text[:40]!r} is not an id or cursor of ours") from error
