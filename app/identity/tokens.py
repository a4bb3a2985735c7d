"""Bearer tokens: JWTs signed with a local key for now. An OIDC issuer takes this room's place behind ``Verifier``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol
from uuid import UUID

import jwt

from app.kernel.clock import Clock
from app.kernel.principal import Principal, Role, Scope

ALGORITHM = "HS256"
#: RFC 9068: an access token says that it is one, so that no other JWT of ours can be passed off as one.
TYPE = "at+jwt"
MIN_KEY_BYTES = 32


class InvalidToken(Exception):
    """The token is not one of ours, or no longer."""


class Verifier(Protocol):
    """Turns a bearer token into a principal."""

    def verify(self, token: str) -> Principal:
        """Raises ``InvalidToken``."""


@dataclass(frozen=True, slots=True)
class LocalKey:
    """Issues and verifies tokens with one secret key. The secret never shows in a log."""

    secret: bytes
    clock: Clock
    issuer: str = "wealthgraph"
    audience: str = "wealthgraph-api"

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_KEY_BYTES:
            raise ValueError(f"the token key must have {MIN_KEY_BYTES} bytes at least, got {len(self.secret)}")

    def __repr__(self) -> str:
        return "LocalKey(…)"

    def issue(
        self, tenant_id: UUID, user_id: UUID, roles: Iterable[Role], scopes: Iterable[Scope], lifetime: timedelta
    ) -> str:
        """A token for the user."""
        now = self.clock.now()
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(user_id),
            "tenant": str(tenant_id),
            "roles": sorted(roles),
            "scope": " ".join(sorted(scopes)),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        return jwt.encode(claims, self.secret, ALGORITHM, headers={"typ": TYPE})

    def verify(self, token: str) -> Principal:
        """The token's principal; raises ``InvalidToken`` for anything that is not a current access token of ours."""
        principal = _verified(token, self.secret, self.issuer, self.audience)
        if principal.expires_at <= self.clock.now():
            raise InvalidToken("the token has expired; sign in again")
        return principal


@lru_cache(10_000)
def _verified(token: str, secret: bytes, issuer: str, audience: str) -> Principal:
    """What the token says, whatever the time; tokens that are not ours are not remembered."""
    try:
        decoded = jwt.decode_complete(
            token,
            secret,
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False},
        )
        if decoded["header"].get("typ") != TYPE:
            raise InvalidToken(f"the token's typ must be {TYPE}")
        return _principal(decoded["payload"])
    except (jwt.PyJWTError, ValueError, KeyError, TypeError, AttributeError, OSError, OverflowError) as error:
        raise InvalidToken("the token can't be verified; sign in again") from error


def _principal(claims: dict[str, Any]) -> Principal:
    return Principal(
        tenant_id=UUID(claims["tenant"]),
        user_id=UUID(claims["sub"]),
        roles=frozenset(Role(role) for role in claims["roles"]),
        scopes=frozenset(Scope(scope) for scope in claims["scope"].split()),
        expires_at=datetime.fromtimestamp(claims["exp"], UTC),
    )
