"""A token is a current access token of ours, or it is nothing."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import jwt
import pytest

from app.identity.keys import local_key
from app.identity.tokens import TYPE, InvalidToken, LocalKey
from app.kernel.clock import ManualClock
from app.kernel.principal import Role, Scope

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TENANT, USER = UUID(int=1), UUID(int=2)
SECRET = b"s" * 32


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def key(clock: ManualClock) -> LocalKey:
    return LocalKey(SECRET, clock)


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": "wealthgraph",
        "aud": "wealthgraph-api",
        "sub": str(USER),
        "tenant": str(TENANT),
        "roles": ["investor"],
        "scope": "read",
        "iat": int(NOON.timestamp()),
        "exp": int(NOON.timestamp()) + 60,
    }
    return {name: value for name, value in (whole | changed).items() if value is not None}


def forged(secret: bytes | None = SECRET, typ: str | None = TYPE, algorithm: str = "HS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm, headers={"typ": typ})  # type: ignore[arg-type]


def test_what_was_issued_is_understood(key: LocalKey) -> None:
    principal = key.verify(key.issue(TENANT, USER, [Role.INVESTOR], [Scope.READ, Scope.TRADE], timedelta(hours=1)))
    assert (principal.tenant_id, principal.user_id) == (TENANT, USER)
    assert (principal.roles, principal.scopes) == (
        frozenset({Role.INVESTOR}),
        frozenset({Scope.READ, Scope.TRADE}),
    )
    assert principal.expires_at == NOON + timedelta(hours=1)


def test_a_token_lasts_until_the_clock_says_so(key: LocalKey, clock: ManualClock) -> None:
    token = key.issue(TENANT, USER, [Role.INVESTOR], [Scope.READ], timedelta(minutes=1))
    clock.advance(timedelta(seconds=59))
    key.verify(token)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(InvalidToken, match="expired"):
        key.verify(token)


FORGERIES = {
    "another key": forged(secret=b"t" * 32),
    "no signature": forged(secret=None, algorithm="none"),
    "another algorithm": forged(secret=SECRET * 2, algorithm="HS512"),
    "an id token": forged(typ="JWT"),
    "no type": forged(typ=None),
    "another issuer": forged(iss="someone"),
    "another audience": forged(aud="else"),
    "no tenant": forged(tenant=None),
    "a tenant that is no id": forged(tenant="1"),
    "an unknown role": forged(roles=["king"]),
    "roles that are none": forged(roles=3),
    "an unknown scope": forged(scope="everything"),
    "no expiry": forged(exp=None),
    "an expiry beyond time": forged(exp=10**18),
    "no token": "",
    "not a token": "a.b.c",
}


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_everything_else_is_nothing(key: LocalKey, token: str) -> None:
    with pytest.raises(InvalidToken):
        key.verify(token)


def test_a_short_key_is_refused_and_no_key_is_shown(clock: ManualClock) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        LocalKey(b"short", clock)
    assert "s" * 8 not in repr(LocalKey(SECRET, clock))


def test_the_local_key_is_kept_and_private(tmp_path: Path, clock: ManualClock) -> None:
    first, again = (local_key(tmp_path / "home", None, clock) for _ in range(2))
    assert first.secret == again.secret
    [file] = (tmp_path / "home").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert local_key(tmp_path / "other", None, clock).secret != first.secret
    assert local_key(tmp_path / "home", "g" * 40, clock).secret == b"g" * 40
