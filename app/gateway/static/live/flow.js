/** What the desk's journal tells, event by event: pure bookkeeping that the page is drawn from.
 *
 * `watcher` hears of it as it happens: accepted(order), made(market), joined(order), filled(order, quantity),
 * gone(order) and closed(market).
 */

import { units } from "./exact.js";

/** Orders and market orders end within a second or so; whatever is older than this many others is forgotten. */
const REMEMBERED = 5_000;

const exact = (text) => (text == null ? null : units(text));

export class Flow {
  cursor = null;
  /** Since this page was opened. `missed` counts gaps in the journal's numbering: none, ever. */
  seen = { events: 0, missed: 0, orders: 0, markets: 0, wholeShares: 0n, fills: 0 };
  #position = null;
  #orders = new Map();
  #markets = new Map();
  #isWhole;
  #watcher;

  constructor(isWhole, watcher) {
    this.#isWhole = isWhole;
    this.#watcher = watcher;
  }

  market(id) {
    return this.#markets.get(id);
  }

  take(event) {
    if (this.#position !== null && event.position <= this.#position) return;
    if (this.#position !== null) this.seen.missed += event.position - this.#position - 1;
    this.#position = event.position;
    this.cursor = event.cursor;
    this.seen.events += 1;
    this.#handlers[event.type]?.(event);
  }

  #handlers = {
    ORDER_ACCEPTED: (event) => this.#accepted(event),
    ORDER_NEW: (event) => this.#joined(event),
    ORDER_PARTIALLY_FILLED: (event) => this.#filled(event, false),
    ORDER_FILLED: (event) => this.#filled(event, true),
    ORDER_CANCELED: (event) => this.#gone(event),
    ORDER_REJECTED: (event) => this.#gone(event),
    MARKET_ORDER_CREATED: (event) => this.#made(event),
    EXECUTION: (event) => this.#dealt(event),
    MARKET_ORDER_CLOSED: (event) => this.#closed(event),
  };

  #accepted(event) {
    this.seen.orders += 1;
    const order = {
      id: event.orderId,
      symbol: event.instrument.symbol,
      side: event.side,
      amount: event.amount?.amount ?? null,
      quantity: exact(event.quantity),
      market: null,
      filled: 0n,
      paid: 0n,
    };
    remember(this.#orders, order);
    this.#watcher.accepted(order);
  }

  #joined(event) {
    const order = this.#orders.get(event.orderId);
    const market = this.#markets.get(event.marketOrderId);
    if (!order || !market) return;
    order.market = market;
    this.#watcher.joined(order);
  }

  #filled(event, last) {
    this.seen.fills += 1;
    const order = this.#orders.get(event.orderId);
    if (!order) return;
    const quantity = units(event.lastQuantity);
    order.filled = units(event.cumulativeQuantity);
    order.paid += units(event.lastAmount.amount);
    order.done = last;
    if (last) this.#orders.delete(order.id);
    this.#watcher.filled(order, quantity);
  }

  #gone(event) {
    const order = this.#orders.get(event.orderId);
    if (!order) return;
    this.#orders.delete(order.id);
    this.#watcher.gone(order);
  }

  #made(event) {
    this.seen.markets += 1;
    const market = {
      id: event.marketOrderId,
      symbol: event.instrument.symbol,
      side: event.side,
      isWhole: this.#isWhole(event.instrument.symbol),
      orders: event.orders,
      requested: units(event.requested),
      quantity: units(event.quantity),
      supplied: units(event.supplied),
      price: null,
      houseShares: null,
    };
    remember(this.#markets, market);
    this.#watcher.made(market);
  }

  #dealt(event) {
    const quantity = units(event.quantity);
    if (event.venue !== "house" && this.#isWhole(event.instrument.symbol)) this.seen.wholeShares += quantity;
    const market = this.#markets.get(event.marketOrderId);
    if (market) market.price = event.price.amount;
  }

  #closed(event) {
    const market = this.#markets.get(event.marketOrderId);
    if (!market) return;
    market.houseShares = units(event.houseShares);
    this.#watcher.closed(market);
  }
}

function remember(map, item) {
  map.set(item.id, item);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value);
}
