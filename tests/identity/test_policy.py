"""The policy room says no unless it has a reason to say yes."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from app.identity.policy import Action, Denied, may, require
from app.kernel.principal import Principal, Role, Scope

HERE, ELSEWHERE, ME, OTHER = (UUID(int=number) for number in range(4))
ALWAYS = datetime(2100, 1, 1, tzinfo=UTC)


def principal(*roles: Role, scopes: frozenset[Scope] = frozenset(Scope)) -> Principal:
    return Principal(HERE, ME, frozenset(roles), scopes, ALWAYS)


#: Everything that is allowed, written out: action, role, and whose the thing is.
ALLOWED = {
    (Action.VIEW_ACCOUNT, Role.INVESTOR, ME),
    (Action.TRADE, Role.INVESTOR, ME),
    (Action.MOVE_CASH, Role.INVESTOR, ME),
    (Action.CLOSE_ACCOUNT, Role.INVESTOR, ME),
    (Action.OPEN_ACCOUNT, Role.INVESTOR, ME),
    (Action.OPEN_ACCOUNT, Role.INVESTOR, OTHER),  # opening is for oneself whatever is named
    (Action.VIEW_ACCOUNT, Role.OPERATOR, ME),
    (Action.VIEW_ACCOUNT, Role.OPERATOR, OTHER),
    (Action.VIEW_CHECKPOINTS, Role.INVESTOR, ME),
    (Action.VIEW_CHECKPOINTS, Role.INVESTOR, OTHER),  # they are the tenant's, and published
    (Action.VIEW_CHECKPOINTS, Role.OPERATOR, ME),
    (Action.VIEW_CHECKPOINTS, Role.OPERATOR, OTHER),
    (Action.VIEW_DESK, Role.OPERATOR, ME),
    (Action.VIEW_DESK, Role.OPERATOR, OTHER),
    (Action.OPERATE_DESK, Role.OPERATOR, ME),
    (Action.OPERATE_DESK, Role.OPERATOR, OTHER),
}


@pytest.mark.parametrize(("action", "role", "owner"), list(product(Action, Role, (ME, OTHER))))
def test_what_is_not_allowed_is_denied(action: Action, role: Role, owner: UUID) -> None:
    expected = (action, role, owner) in ALLOWED
    assert may(principal(role), action, tenant_id=HERE, owner_id=owner) is expected
    assert may(principal(role), action, tenant_id=ELSEWHERE, owner_id=owner) is False
    assert may(principal(), action, tenant_id=HERE, owner_id=owner) is False
    assert may(principal(role, scopes=frozenset()), action, tenant_id=HERE, owner_id=owner) is False


def test_a_scope_opens_what_it_is_for_and_nothing_else() -> None:
    reader = principal(Role.INVESTOR, scopes=frozenset({Scope.READ}))
    assert may(reader, Action.VIEW_ACCOUNT, tenant_id=HERE, owner_id=ME)
    with pytest.raises(Denied, match="TRADE"):
        require(reader, Action.TRADE, tenant_id=HERE, owner_id=ME)


def test_an_operator_needs_the_scope_to_operate() -> None:
    """One who may see the desk may not yet change it; and the scope alone makes nobody an operator."""
    for scopes in (frozenset(), frozenset(Scope) - {Scope.OPERATE}):
        with pytest.raises(Denied, match="OPERATE_DESK"):
            require(principal(Role.OPERATOR, scopes=scopes), Action.OPERATE_DESK)
    assert may(principal(Role.OPERATOR, scopes=frozenset({Scope.OPERATE})), Action.OPERATE_DESK)
    assert not may(principal(Role.INVESTOR, scopes=frozenset({Scope.OPERATE})), Action.OPERATE_DESK)
