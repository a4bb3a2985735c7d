/** A short list whose lines come in at the top: always the same few elements, used again and again. */

import { animate, figure, make, setFigure, setText } from "./dom.js";
import { dollars } from "./exact.js";
import { wish } from "./looks.js";

class Rows {
  #list;
  #free;

  constructor(list, build, count = 7) {
    this.#list = list;
    this.#free = Array.from({ length: count }, build);
  }

  /** The element to write the newest line into, moved to the top. */
  next() {
    const row = this.#free.pop() ?? this.#list.lastElementChild;
    const height = row.offsetHeight || 52;
    this.#list.prepend(row);
    for (const each of this.#list.children) {
      animate(each, { transform: [`translateY(-${height}px)`, "none"] }, { duration: 420, easing: "ease-out" });
    }
    animate(row, { opacity: [0, 1] }, { duration: 420 });
    return row;
  }
}

/** What investors ask for. */
export class Asks {
  #rows;

  constructor(list) {
    this.#rows = new Rows(list, () =>
      make("li", {}, make("span", { className: "verb" }), make("strong"), make("span", { className: "quiet" })),
    );
  }

  add(order, name) {
    const row = this.#rows.next();
    const [verb, what, of] = row.children;
    row.dataset.side = order.side;
    setText(verb, order.side === "BUY" ? "buy" : "sell");
    setText(what, wish(order));
    setText(of, name);
  }
}

/** What they got. */
export class Fills {
  #rows;

  constructor(list) {
    this.#rows = new Rows(list, () => make("li", {}, figure(0n), make("strong"), make("span", { className: "quiet" })));
  }

  add(order) {
    const row = this.#rows.next();
    const [shares, symbol, money] = row.children;
    row.dataset.side = order.side;
    setFigure(shares, order.filled);
    setText(symbol, order.symbol);
    const paid = dollars(order.paid);
    setText(money, order.side === "BUY" ? `bought for ${paid}` : `sold for ${paid}`);
  }
}
