"""The tree against published vectors, and against the definition of RFC 6962 written down word for word."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.proof.tree import (
    Node,
    Peaks,
    audit_path,
    completed_by,
    consistency_path,
    cover,
    fold,
    hash_leaf,
    hashes_of,
    levels,
    nodes_of,
)
from tests.proof.trees import load_verifier, path, proof, tree_hash

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "merkle.json").read_text())
verifier = load_verifier()
LARGEST = 70


def leaves(size: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(size)]


def nodes(data: list[bytes]) -> dict[Node, bytes]:
    """Every node over these leaves."""
    by_level = levels(list(map(hash_leaf, data)))
    return {(level, number): hash_ for level, row in enumerate(by_level) for number, hash_ in enumerate(row)}


def test_roots_are_the_published_ones() -> None:
    published = GOLDEN["roots"]
    data = [bytes.fromhex(leaf) for leaf in published["leaves"]]
    for size, root in enumerate(published["roots"]):
        found = nodes(data[:size])
        assert fold([found[node] for node in cover(0, size)]).hex() == root
        assert tree_hash(data[:size]).hex() == root


def test_paths_are_those_of_the_standards_example() -> None:
    example = GOLDEN["paths"]
    names = {tuple(leaves): name for name, leaves in example["nodes"].items()}
    for index, expected in example["audit"].items():
        assert "".join(names[each] for each in audit_path(int(index), example["size"])) == expected
    for old, expected in example["consistency"].items():
        assert "".join(names[each] for each in consistency_path(int(old), example["size"])) == expected


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_entry_of_every_tree_is_proved(size: int) -> None:
    data = leaves(size)
    found, root = nodes(data), tree_hash(data)
    for index in range(size):
        ranges = audit_path(index, size)
        assert nodes_of(ranges) <= found.keys()
        hashes = hashes_of(ranges, found)
        assert hashes == path(index, data)
        assert verifier.root_of_inclusion(hash_leaf(data[index]), index, size, hashes) == root


@pytest.mark.parametrize("new", range(1, LARGEST + 1))
def test_every_tree_goes_on_from_every_smaller_one(new: int) -> None:
    data = leaves(new)
    found, root = nodes(data), tree_hash(data)
    for old in range(1, new + 1):
        hashes = hashes_of(consistency_path(old, new), found)
        assert hashes == proof(old, data)
        verifier.check_consistency(old, new, tree_hash(data[:old]), root, hashes)


@given(st.integers(1, LARGEST), st.data())
def test_a_proof_with_anything_changed_proves_nothing(size: int, chosen: st.DataObject) -> None:
    data = leaves(size)
    index = chosen.draw(st.integers(0, size - 1))
    hashes = hashes_of(audit_path(index, size), nodes(data))
    other, larger = chosen.draw(st.integers(-1, size + 1)), chosen.draw(st.integers(1, LARGEST))
    changed = chosen.draw(damaged(hashes))

    def leads_to_the_root(index: int, size: int, hashes: list[bytes], leaf: bytes) -> bool:
        try:
            return bool(verifier.root_of_inclusion(hash_leaf(leaf), index, size, hashes) == tree_hash(data))
        except verifier.NotTrue:
            return False

    assert leads_to_the_root(index, size, hashes, data[index])
    assert leads_to_the_root(other, size, hashes, data[index]) is (other == index)
    assert leads_to_the_root(index, size, changed, data[index]) is (changed == hashes)
    assert not leads_to_the_root(index, size, hashes, data[index] + b"!")
    if (index, larger) != (index, size) and len(audit_path(index, max(larger, index + 1))) != len(hashes):
        assert not leads_to_the_root(index, larger, hashes, data[index])


@given(st.integers(2, LARGEST), st.data())
def test_a_log_that_was_changed_does_not_go_on_from_what_it_was(new: int, chosen: st.DataObject) -> None:
    data = leaves(new)
    old = chosen.draw(st.integers(1, new - 1))
    changed_at = chosen.draw(st.integers(0, old - 1))
    changed = [*data[:changed_at], b"changed", *data[changed_at + 1 :]]
    honest = hashes_of(consistency_path(old, new), nodes(data))
    forged = hashes_of(consistency_path(old, new), nodes(changed))
    for hashes in (honest, forged, chosen.draw(damaged(honest))):
        with pytest.raises(verifier.NotTrue):
            verifier.check_consistency(old, new, tree_hash(data[:old]), tree_hash(changed), hashes)


@st.composite
def damaged(draw: st.DrawFn, hashes: list[bytes]) -> list[bytes]:
    """The list with a hash changed, left out, repeated or added."""
    where = draw(st.integers(0, len(hashes)))
    more = draw(st.lists(st.binary(min_size=32, max_size=32), max_size=2))
    return [*hashes[:where], *more, *hashes[where + draw(st.integers(0, 1)) :]]


@given(st.lists(st.integers(0, 6), max_size=12))
def test_a_growing_tree_has_the_root_of_the_whole_at_every_size(steps: list[int]) -> None:
    """It grows by whole nodes, as large as fit where it stands."""
    data = leaves(12 * 64)
    every, tree, size = nodes(data), Peaks(), 0
    for level in steps:
        while size % (1 << level):
            level -= 1
        node = level, size >> level
        completed = tree.add(node, every[node])
        size += 1 << level
        assert [found for found, _ in completed] == completed_by(node)
        assert all(every[found] == hash_ for found, hash_ in completed)
        assert tree.root_with() == tree_hash(data[:size])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_what_is_not_in_the_tree_has_no_path(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="has no leaf"):
        audit_path(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3)])
def test_a_tree_goes_on_from_no_larger_one_and_not_from_nothing(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="does not begin with"):
        consistency_path(old, new)
