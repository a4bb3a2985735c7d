"""The policy room: every question of whether a caller may do something is answered here, and the default is no."""

from enum import StrEnum
from uuid import UUID

from app.kernel.principal import Principal, Role, Scope


class Action(StrEnum):
    """What may be allowed."""

    VIEW_ACCOUNT = "VIEW_ACCOUNT"
    OPEN_ACCOUNT = "OPEN_ACCOUNT"
    CLOSE_ACCOUNT = "CLOSE_ACCOUNT"
    TRADE = "TRADE"
    MOVE_CASH = "MOVE_CASH"
    VIEW_CHECKPOINTS = "VIEW_CHECKPOINTS"
    VIEW_DESK = "VIEW_DESK"
    OPERATE_DESK = "OPERATE_DESK"


class Denied(Exception):
    """The caller may not do this."""

    def __init__(self, action: Action) -> None:
        super().__init__(f"You may not do this ({action.value}); ask for the role or scope that it needs.")
        self.action = action


#: The scope that a token needs for an action, whoever carries it.
_SCOPES = {
    Action.VIEW_ACCOUNT: Scope.READ,
    Action.OPEN_ACCOUNT: Scope.TRADE,
    Action.CLOSE_ACCOUNT: Scope.TRADE,
    Action.TRADE: Scope.TRADE,
    Action.MOVE_CASH: Scope.MOVE_CASH,
    Action.VIEW_CHECKPOINTS: Scope.READ,
    Action.VIEW_DESK: Scope.READ,
    Action.OPERATE_DESK: Scope.OPERATE,
}

#: Who may, of those in the tenant: the owner of the thing, or an operator.
_OWNERS_MAY = frozenset({Action.VIEW_ACCOUNT, Action.TRADE, Action.MOVE_CASH, Action.CLOSE_ACCOUNT})
_INVESTORS_MAY = frozenset({Action.OPEN_ACCOUNT, Action.VIEW_CHECKPOINTS})
_OPERATORS_MAY = frozenset({Action.VIEW_ACCOUNT, Action.VIEW_CHECKPOINTS, Action.VIEW_DESK, Action.OPERATE_DESK})


def may(principal: Principal, action: Action, *, tenant_id: UUID | None = None, owner_id: UUID | None = None) -> bool:
    """Whether the caller may; ``tenant_id`` and ``owner_id`` say whose thing it is, where it is somebody's."""
    if tenant_id is not None and tenant_id != principal.tenant_id:
        return False
    if _SCOPES[action] not in principal.scopes:
        return False
    if action in _OPERATORS_MAY and Role.OPERATOR in principal.roles:
        return True
    if Role.INVESTOR not in principal.roles:
        return False
    return action in _INVESTORS_MAY or (action in _OWNERS_MAY and owner_id == principal.user_id)


def require(
    principal: Principal, action: Action, *, tenant_id: UUID | None = None, owner_id: UUID | None = None
) -> None:
    """Raises ``Denied`` unless the caller may."""
    if not may(principal, action, tenant_id=tenant_id, owner_id=owner_id):
        raise Denied(action)
