/** Everything that this page asks of the API. */

export const INSTRUMENTS = `query Instruments {
  instruments(first: 50) {
    edges { node { symbol name kind wholeShares tradable quote { last { amount } } } }
  }
}`;

export const DESK = `query Desk {
  market { now simulated }
  desk {
    cursor
    custody { instrument { symbol name } customers house inFlight custodian street difference }
    marketOrders(first: 10) {
      edges { node {
        id side status capacity requested quantity filledQuantity averagePrice { amount }
        instrument { symbol wholeShares }
      } }
    }
  }
}`;

export const MARKET_ORDER = `query MarketOrder($id: ID!, $after: String) {
  node(id: $id) {
    ... on MarketOrder {
      id side status capacity requested quantity supplied filledQuantity settlesOn createdAt endedAt
      instrument { symbol name wholeShares }
      filledAmount { amount }
      averagePrice { amount }
      executions { venue quantity price { amount } executedAt standing }
      allocations(first: 100, after: $after) {
        edges { node { orderId quantity filledQuantity filledAmount { amount } } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}`;

export const DESK_EVENTS = `subscription DeskEvents($after: String) {
  deskEvents(after: $after) {
    cursor position type side orderId marketOrderId orders quantity requested supplied
    lastQuantity cumulativeQuantity houseShares venue
    instrument { symbol }
    amount { amount }
    price { amount }
    lastAmount { amount }
  }
}`;

export const QUOTES = `subscription Quotes($symbols: [String!]!) {
  quotes(symbols: $symbols) { instrument { symbol } last { amount } }
}`;
