/** The newest market orders, each a button that opens its story. They hold still while somebody chooses one. */

import { byId, make, setText } from "./dom.js";
import { briefly, price, units } from "./exact.js";

/** Nobody takes longer than this to choose. */
const CHOOSING = 15_000;

const STANDING = {
  CREATED: "about to be sent",
  SENT: "at the venue",
  PARTIALLY_FILLED: "partly dealt",
  FILLED: "dealt",
  CANCELED: "ended early",
  REJECTED: "rejected",
};

export class Tickets {
  #list = byId("market-orders");
  #tickets = [];
  #touched = -Infinity;

  constructor(onOpen) {
    for (const sign of ["pointermove", "focusin", "keydown"]) {
      this.#list.addEventListener(sign, () => (this.#touched = performance.now()), { passive: true });
    }
    this.#list.addEventListener("click", ({ target }) => {
      const ticket = target.closest("button");
      if (ticket) onOpen(ticket.dataset.marketOrder);
    });
  }

  get #isHeld() {
    return performance.now() - this.#touched < CHOOSING && this.#list.matches(":hover, :focus-within");
  }

  show(marketOrders) {
    if (this.#isHeld) return;
    marketOrders.forEach((each, index) => this.#write((this.#tickets[index] ??= this.#build()), each));
    this.#tickets.splice(marketOrders.length).forEach(({ item }) => item.remove());
  }

  #build() {
    const [verb, what, how] = [
      make("span", { className: "verb" }),
      make("strong"),
      make("span", { className: "quiet" }),
    ];
    const button = make("button", { type: "button" }, verb, what, how);
    const item = make("li", {}, button);
    this.#list.append(item);
    return { item, button, verb, what, how };
  }

  #write(ticket, made) {
    const { button, verb, what, how } = ticket;
    const buys = made.side === "BUY";
    const alone = made.capacity === "PRINCIPAL";
    const size = units(alone ? made.requested : made.quantity);
    button.dataset.marketOrder = made.id;
    button.dataset.side = made.side;
    button.dataset.status = made.status;
    setText(verb, buys ? "buy" : "sell");
    setText(what, `${briefly(size)} ${made.instrument.symbol}`);
    const at = made.averagePrice ? `at ${price(units(made.averagePrice.amount))}` : STANDING[made.status];
    const who = alone ? "with the house" : `for ${briefly(units(made.requested))} asked`;
    setText(how, alone && !made.averagePrice ? who : `${who}, ${at}`);
  }
}
