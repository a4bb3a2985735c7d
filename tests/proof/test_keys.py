"""The signing key: given or kept, one for all processes, and never shown."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.proof.keys import KeyRing, key_ring
from app.proof.note import to_base64
from app.proofs import seals_of
from app.settings import Settings

GIVEN = to_base64(b"\7" * 32)


def public(ring: KeyRing) -> bytes:
    return ring.private.public_key().public_bytes_raw()


def test_a_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: key_ring(home, None), range(8)))
    assert len({public(ring) for ring in rings}) == 1
    [file] = home.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_given_key_is_taken_and_nothing_is_kept(tmp_path: Path) -> None:
    ring = key_ring(tmp_path, GIVEN)
    assert ring.private.private_bytes_raw() == b"\7" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "secret", to_base64(bytes(31)), to_base64(bytes(33)), GIVEN.replace("=", "")])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    for given, retired in (("!" + text, []), (GIVEN, [text])):
        with pytest.raises(ValueError, match="must be 32 bytes in base64") as refused:
            key_ring(tmp_path, given, retired)
        assert not text or text not in str(refused.value)


def test_retired_keys_verify_and_the_newest_stands_first(tmp_path: Path) -> None:
    retired = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    given = {"proof_key": GIVEN, "proof_retired_keys": [to_base64(retired)], "wealthgraph_home": tmp_path}
    settings = Settings.model_validate(given)
    keys = seals_of(settings).keys
    first, second = keys.verifiers("log")
    assert (first.public, second.public) == (public(keys), retired)
    assert first.id != second.id
    assert GIVEN not in repr(settings)
    assert GIVEN not in repr(keys)
