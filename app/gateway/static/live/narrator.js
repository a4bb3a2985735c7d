/** Tells in a sentence what became of one order, now and then; and sums up for those who listen instead of look. */

import { animate, byId, make } from "./dom.js";
import { briefly, dollars, exactly, units } from "./exact.js";
import { wish } from "./looks.js";

const READING_TIME = 7_000;
/** An order that was alone has less to tell: it is told only when nothing better came for this long. */
const BOREDOM = 14_000;
const SUMMARY_EVERY = 60_000;

export class Narrator {
  #sentence = byId("followed");
  #summary = byId("summary");
  #told = -Infinity;
  #summed = 0;
  #before = { orders: 0, fills: 0 };

  tell(order, now) {
    if (!order.market?.price) return;
    const inCompany = order.market.orders > 1 && order.market.quantity > 0n;
    if (now - this.#told < (inCompany ? READING_TIME : BOREDOM)) return;
    this.#told = now;
    this.#sentence.replaceChildren(...sentence(order));
    animate(this.#sentence, { opacity: [0, 1] }, { duration: 600 });
  }

  sumUp({ orders, fills }, now) {
    if (now - this.#summed < SUMMARY_EVERY) return;
    if (this.#summed) {
      const [asked, filled] = [orders - this.#before.orders, fills - this.#before.fills];
      this.#summary.textContent = `In the last minute ${asked} orders were accepted and ${filled} fills came back.`;
    }
    this.#summed = now;
    this.#before = { orders, fills };
  }
}

const strong = (text) => make("strong", {}, text);

function sentence(order) {
  const { market, side, symbol } = order;
  const buys = side === "BUY";
  const others = market.orders - 1;
  const company =
    others === 0 ? "was alone in its window" : `met ${others} other order${others > 1 ? "s" : ""} in its window`;
  const together = others === 0 ? "" : `; together they made ${howMuch(market, market.requested)}`;
  return [
    strong(`${buys ? "" : "A sale of "}${wish(order)}`),
    ` ${company}${together}. `,
    ...deal(market, buys),
    ` at ${dollars(units(market.price))}. `,
    strong(`${exactly(order.filled)} ${symbol}`),
    buys ? ` came back, for ${dollars(order.paid)}` : ` were sold, for ${dollars(order.paid)}`,
    ...rest(market, buys),
  ];
}

function deal(market, buys) {
  if (market.quantity === 0n) {
    return [buys ? "The house had it in its inventory and gave it," : "Too little to deal, so the house itself took it,"];
  }
  return [`The venue ${buys ? "sold us" : "bought from us"} `, strong(howMuch(market, market.quantity))];
}

function howMuch({ isWhole, symbol }, size) {
  const count = briefly(size);
  return `${count} ${isWhole ? (count === "1" ? "share" : "shares") : symbol}`;
}

/** The house's part of the deal: what it has more, or less, than before. */
function rest(market, buys) {
  if (market.houseShares === null || market.quantity === 0n) return ["."];
  const part = market.houseShares - market.supplied;
  if (part === 0n) return ["."];
  const house = make("strong", { className: "of-the-house" }, briefly(part < 0n ? -part : part));
  if (part < 0n) return ["; the house gave ", house, " of its own."];
  return [buys ? "; the house keeps the rest, " : "; the house took the rest, ", house, "."];
}
