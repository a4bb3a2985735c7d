"""Who is asking."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID


class Role(StrEnum):
    """What a user is to the tenant."""

    INVESTOR = "investor"
    OPERATOR = "operator"


class Scope(StrEnum):
    """What a token was issued for."""

    READ = "read"
    TRADE = "trade"
    MOVE_CASH = "cash"
    OPERATE = "operate"


#: Every scope that an investor has a use for.
INVESTORS: Final = (Scope.READ, Scope.TRADE, Scope.MOVE_CASH)


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller: tenant, user, roles and scopes, until the token expires."""

    tenant_id: UUID
    user_id: UUID
    roles: frozenset[Role]
    scopes: frozenset[Scope]
    expires_at: datetime

    @property
    def actor(self) -> str:
        """How events name this caller: a reference, never personal data."""
        kind = Role.OPERATOR if Role.OPERATOR in self.roles else Role.INVESTOR
        return f"{kind.value}:{self.user_id}"
