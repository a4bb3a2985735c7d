/** The story of one market order: who asked, what was dealt, who got what, and that it all adds up. */

import { byId, figure, make } from "./dom.js";
import { MARKET_ORDER } from "./documents.js";
import { UNIT, briefly, dollars, price, roughly, units } from "./exact.js";
import { Account } from "./account.js";

const SHOWN = 60;
const LOOK_AGAIN = 1_000;

export class Story {
  #dialog = byId("story");
  #body = byId("story-body");
  #ask;
  #houseSharesOf;
  #id = null;
  #timer = 0;

  /** `houseSharesOf(id)` is what the journal said that the house took, if this page was there to hear it. */
  constructor(ask, houseSharesOf) {
    this.#ask = ask;
    this.#houseSharesOf = houseSharesOf;
    byId("story-close").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.#dialog.addEventListener("close", () => {
      this.#id = null;
      clearTimeout(this.#timer);
    });
  }

  open(id) {
    this.#id = id;
    this.#body.replaceChildren(make("p", {}, "One moment …"));
    this.#dialog.showModal();
    this.#load(id);
  }

  /** The market order with its whole statement, read page by page. */
  async #read(id) {
    const lines = [];
    for (let after = null; ; ) {
      const { node } = await this.#ask(MARKET_ORDER, { id, after });
      if (!node) return node;
      lines.push(...node.allocations.edges.map((edge) => edge.node));
      if (!node.allocations.pageInfo.hasNextPage) {
        return { ...node, allocations: lines, executions: node.executions.filter((each) => each.standing) };
      }
      after = node.allocations.pageInfo.endCursor;
    }
  }

  async #load(id) {
    let told;
    try {
      const node = await this.#read(id);
      told = node ? tell(node, this.#houseSharesOf(id)) : [make("p", {}, "This market order is not to be found.")];
      if (node && !node.endedAt) this.#timer = setTimeout(() => this.#id === id && this.#load(id), LOOK_AGAIN);
    } catch (error) {
      told = [make("p", {}, `It could not be read: ${error.message}`)];
    }
    if (this.#id === id) this.#body.replaceChildren(...told);
  }
}

function tell(made, houseShares) {
  const account = new Account(made, houseShares);
  return [heading(made), asked(account), dealt(account), sharedOut(account), adds(account)];
}

function heading({ side, instrument, createdAt }) {
  const time = new Date(createdAt).toLocaleTimeString("en", { hour12: false });
  const title = make("h2", { id: "story-title" }, `${side === "BUY" ? "Buy" : "Sell"} ${instrument.symbol}`);
  return make(
    "header",
    {},
    title,
    make("p", { className: "quiet" }, `${instrument.name} · its window closed at ${time}`),
  );
}

function step(number, title, ...children) {
  return make("section", {}, make("h3", {}, make("span", { className: "number" }, number), " ", title), ...children);
}

function asked({ made, orders, stated }) {
  const alone = "One investor’s order was alone in its window, for ";
  const text = orders.length === 1 ? alone : `${orders.length} investors’ orders gathered in one window, for `;
  const end = ` ${made.instrument.symbol} in all. Who takes part, and with what share, was written down before anything was sent.`;
  return step("1", "What was asked", make("p", {}, text, figure(stated), end));
}

function dealt({ made, isAlone, executions }) {
  const words = isAlone
    ? "It was too little for a whole share, so nothing went to market: the house itself was the other side, at the market’s price."
    : made.instrument.wholeShares
      ? `The venue deals in whole shares, so ${briefly(units(made.quantity))} went to market.`
      : `This market deals in parts, so ${briefly(units(made.quantity))} went to market.`;
  if (!executions.length) return step("2", "What was dealt", make("p", {}, words, " No deal yet."));
  const average = make(
    "p",
    {},
    "The average price, for everybody: ",
    make("strong", {}, price(units(made.averagePrice.amount))),
  );
  const rows = executions.map(({ venue, size, each, amount }) =>
    make("tr", {}, cell(figure(size)), cell(dollars(each)), cell(dollars(amount)), make("td", {}, venue)),
  );
  return step(
    "2",
    "What was dealt",
    make("p", {}, words),
    table(["Quantity", "Price", "Amount", "Venue"], rows),
    average,
  );
}

function sharedOut({ made, isAlone, orders, total, house, dealt: whole }) {
  const paid = made.side === "BUY" ? "Paid" : "Received";
  const rows = orders
    .slice(0, SHOWN)
    .map(({ id, stated, filled, amount }) =>
      make(
        "tr",
        {},
        make("th", { scope: "row" }, `…${tail(id)}`),
        cell(figure(stated)),
        part(filled, made.side),
        cell(dollars(amount)),
      ),
    );
  if (orders.length > SHOWN) {
    rows.push(
      make("tr", {}, make("td", { colSpan: 4, className: "quiet" }, `and ${orders.length - SHOWN} more orders`)),
    );
  }
  const line = (name, size, amount, className = "") =>
    make(
      "tr",
      { className },
      make("th", { scope: "row" }, name),
      make("td"),
      cell(size === null ? "" : figure(size)),
      cell(dollars(amount)),
    );
  const sums = [
    line("All investors", total.filled, total.amount, "sum"),
    isAlone
      ? line("Rounding to cents", null, house.amount, "of-the-house")
      : line(made.endedAt ? "The house" : "Not shared out yet", house.size, house.amount, "of-the-house"),
    line("Dealt", whole.size, whole.amount, "sum"),
  ];
  return step("3", "Who got what", table(["Order", "Stated share", "Exact share", paid], rows, sums));
}

function adds({ checks, houseWords }) {
  const list = checks.map(({ says, holds }) => {
    const item = make("li", {}, make("span", { className: "mark", ariaHidden: "true" }, holds ? "=" : "≠"), says);
    item.append(make("span", { className: "out-of-sight" }, holds ? " That is so." : " That is not so."));
    item.dataset.holds = String(holds);
    return item;
  });
  return step("4", "Does it add up?", make("p", {}, houseWords), make("ul", { className: "checks" }, ...list));
}

const cell = (content) => make("td", { className: "amount" }, content);

/** An exact share, with its slice. */
function part(size, side) {
  const pie = make("span", { className: "pie", ariaHidden: "true" });
  pie.style.setProperty("--part", roughly(size % UNIT).toFixed(4));
  pie.dataset.tone = side.toLowerCase();
  return make("td", { className: "amount" }, pie, figure(size));
}

const tail = (id) => id.replace(/=+$/, "").slice(-6);

function table(names, rows, sums = []) {
  const heads = names.map((name) => make("th", { scope: "col" }, name));
  const whole = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  if (sums.length) whole.append(make("tfoot", {}, ...sums));
  const scroller = make(
    "div",
    { className: "scroller", tabIndex: 0, role: "region", ariaLabel: names.join(", ") },
    whole,
  );
  return scroller;
}
