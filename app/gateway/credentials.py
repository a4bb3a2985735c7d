"""Bearer tokens, where clients put them."""

from typing import Any

from app.identity.tokens import InvalidToken


def from_header(header: str | None) -> str:
    """The token in an Authorization header; raises ``InvalidToken`` when there is none."""
    if header is None:
        raise InvalidToken("a token is needed: send it as Authorization: Bearer …")
    scheme, _, token = header.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidToken("the Authorization header must be of the form: Bearer …")
    return token.strip()


def from_payload(payload: dict[str, Any] | None, header: str | None) -> str:
    """The token in a connection_init payload, or else in the handshake's header; raises ``InvalidToken``."""
    fields = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
    if "authorization" in fields:
        return from_header(fields["authorization"])
    return fields.get("token") or from_header(header)
