"""The argument that makes repeating a mutation harmless."""

from typing import Annotated

import strawberry

Key = Annotated[
    str,
    strawberry.argument(
        description="A UUID of your making: the same key with the same input gets the first answer again, for 30 days "
        "(at least one, if that is set otherwise). After that it is the key of a new request."
    ),
]
