"""What can be done."""

import strawberry

from schema import accounts, banking, orders


@strawberry.type(description="What can be done. Everything that moves money or shares takes an idempotency key.")
class Mutation:
    open_account: accounts.OpenAccountPayload = strawberry.mutation(
        resolver=accounts.open_account, description="Open an account for yourself."
    )
    deposit: banking.CashPayload = strawberry.mutation(
        resolver=banking.deposit, description="Put money in, over the sandbox rail: it is there at once."
    )
    withdraw: banking.CashPayload = strawberry.mutation(
        resolver=banking.withdraw, description="Take settled money out, over the sandbox rail."
    )
    preview_order: orders.PreviewOrderPayload = strawberry.mutation(
        resolver=orders.preview_order, description="What an order would do. Changes nothing."
    )
    place_order: orders.PlaceOrderPayload = strawberry.mutation(
        resolver=orders.place_order,
        description="Place a market order. It gathers with others for a moment, is dealt with them as one, "
        "and comes back as an exact fill at the average price.",
    )
    cancel_order: orders.CancelOrderPayload = strawberry.mutation(
        resolver=orders.cancel_order,
        description="Cancel an order: at once while it is gathering; later, whatever the market leaves unfilled of it.",
    )
