"""From the text of a query to an operation that may be executed, remembered for the next time."""

from collections import OrderedDict
from dataclasses import dataclass

import strawberry
from graphql import (
    DocumentNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from app.gateway.errors import RequestError, refused
from app.gateway.limits import Limits, check

#: The rules of the specification and Strawberry's own two. Made once: the same tuple for every document.
_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
_MOST_ERRORS = 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation that is valid and within the limits."""

    document: DocumentNode
    operation: OperationDefinitionNode

    @property
    def kind(self) -> OperationType:
        return self.operation.operation

    @property
    def name(self) -> str | None:
        return self.operation.name.value if self.operation.name else None


class Documents:
    """Prepares documents, and keeps the valid ones that were used last.

    A document's tree takes some 150 times its text: ``cache_bytes`` of text bound the memory, not their number.
    """

    def __init__(self, schema: strawberry.Schema, limits: Limits, *, cache_bytes: int = 500_000) -> None:
        # Strawberry hands the GraphQLSchema it has built to nobody; this is the one it executes with itself.
        self._schema = schema._schema
        self._limits = limits
        self._cache_bytes = cache_bytes
        self._cached_bytes = 0
        self._cached: OrderedDict[str, DocumentNode] = OrderedDict()

    def __len__(self) -> int:
        return len(self._cached)

    def prepare(self, query: str, operation_name: str | None = None) -> Prepared:
        """Raises ``RequestError`` for what is over the limits, does not parse, is invalid, or names no operation."""
        document = self._cached.get(query)
        if document is None:
            document = self._read(query)
            self._keep(query, document)
        else:
            self._cached.move_to_end(query)
        operation = get_operation_ast(document, operation_name)
        if operation is None:
            raise refused(_no_operation(operation_name))
        return Prepared(document, operation)

    def _read(self, query: str) -> DocumentNode:
        limits = self._limits
        if len(query.encode()) > limits.document_bytes:
            raise refused(f"The document has more than {limits.document_bytes} bytes; ask for less at once.")
        try:
            document = parse(query, max_lexical_tokens=limits.tokens, max_comments=limits.tokens)
            check(document, limits)
        except GraphQLError as error:
            raise RequestError([error]) from None
        errors = validate(self._schema, document, _RULES, max_errors=_MOST_ERRORS)
        if errors:
            raise RequestError(errors)
        return document

    def _keep(self, query: str, document: DocumentNode) -> None:
        self._cached[query] = document
        self._cached_bytes += len(query)
        while self._cached_bytes > self._cache_bytes:
            oldest, _ = self._cached.popitem(last=False)
            self._cached_bytes -= len(oldest)


def _no_operation(name: str | None) -> str:
    if name is not None:
        return f"There is no operation named '{name}' in the document."
    return "The document must have one operation, or else operationName must say which one is meant."
