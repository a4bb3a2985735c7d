"""What a document may cost, decided after parsing and before validation, in time linear in its length."""

from collections.abc import Iterable
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

#: Selection sets within selection sets, fragments followed: far above what ``depth`` allows, far below Python's stack.
_NESTING = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one document may have. Fields are counted as often as their fragments are spread."""

    document_bytes: int = 20_000
    tokens: int = 2_000
    depth: int = 15
    root_fields: int = 20
    aliases: int = 50
    fields: int = 500


@dataclass(frozen=True, slots=True)
class _Size:
    """Of a selection set, with everything below it."""

    depth: int = 0
    roots: int = 0
    aliases: int = 0
    fields: int = 0


def check(document: DocumentNode, limits: Limits) -> None:
    """Raises ``GraphQLError`` for a document with an operation or a fragment that is over a limit, or with a cycle."""
    measure = _Measure(document)
    for definition in document.definitions:
        match definition:
            case OperationDefinitionNode():
                size = measure.selections(definition.selection_set, 1)
                _require(size.roots, limits.root_fields, "root fields", definition)
            case FragmentDefinitionNode():
                # Also one that nothing spreads: validation looks at it all the same.
                size = measure.fragment(definition.name.value, definition, 1)
            case _:
                continue
        _require(size.depth, limits.depth, "levels of fields", definition)
        _require(size.aliases, limits.aliases, "aliases", definition)
        _require(size.fields, limits.fields, "fields", definition)


def _require(found: int, limit: int, what: str, node: Node) -> None:
    if found > limit:
        # A doubled fragment counts up to 2⁶⁰: the number itself helps nobody.
        raise GraphQLError(f"The document has more than {limit} {what}; ask for less at once.", node)


class _Measure:
    """Measures each fragment once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        self._known: dict[str, _Size | None] = {}
        for definition in document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                name = definition.name.value
                if name in self._fragments:
                    raise GraphQLError(f"There can be only one fragment named '{name}'.", definition)
                self._fragments[name] = definition

    def fragment(self, name: str, node: Node, level: int) -> _Size:
        """The size of a fragment by its name, zero if there is none: that is for validation to say."""
        if name not in self._fragments:
            return _Size()
        if name in self._known:
            size = self._known[name]
            if size is None:
                raise GraphQLError(f"The fragment '{name}' contains itself.", node)
            return size
        self._known[name] = None
        size = self._known[name] = self.selections(self._fragments[name].selection_set, level)
        return size

    def selections(self, selection_set: SelectionSetNode, level: int) -> _Size:
        """The size of a selection set that stands ``level`` deep on Python's stack."""
        if level > _NESTING:
            raise GraphQLError(f"The document nests more than {_NESTING} levels deep.", selection_set)
        sizes = []
        for selection in selection_set.selections:
            match selection:
                case FieldNode(selection_set=below):
                    sizes.append(_field(selection, self.selections(below, level + 1) if below else _Size()))
                case FragmentSpreadNode():
                    sizes.append(self.fragment(selection.name.value, selection, level + 1))
                case _:
                    sizes.append(self.selections(selection.selection_set, level + 1))  # type: ignore[attr-defined]
        return _together(sizes)


def _field(field: FieldNode, below: _Size) -> _Size:
    aliased = int(field.alias is not None)
    return _Size(depth=below.depth + 1, roots=1, aliases=below.aliases + aliased, fields=below.fields + 1)


def _together(sizes: Iterable[_Size]) -> _Size:
    depth = roots = aliases = fields = 0
    for size in sizes:
        depth = max(depth, size.depth)
        roots += size.roots
        aliases += size.aliases
        fields += size.fields
    return _Size(depth, roots, aliases, fields)
