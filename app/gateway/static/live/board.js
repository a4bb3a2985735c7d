/** What stands still while orders fly: a window for each instrument, its price, and the house's part of a share. */

import { animate, calm, make, setText } from "./dom.js";
import { UNIT, briefly, exactly, roughly, units } from "./exact.js";

export class Board {
  #windows = new Map();
  #house = new Map();
  #prices = new Map();
  #fresh = new Set();

  constructor(windows, house, instruments) {
    for (const { symbol, name, quote } of instruments) {
      const price = make("span", { className: "price" });
      const cell = make("li", { className: "window", title: name }, make("b", {}, symbol), price);
      cell.dataset.window = symbol;
      windows.append(cell);
      this.#windows.set(symbol, { cell, price });

      const pie = make("span", { className: "pie" });
      pie.dataset.house = symbol;
      const text = make("span", { className: "out-of-sight" });
      const holding = make("li", {}, pie, make("span", { className: "ticker", ariaHidden: "true" }, symbol), text);
      house.append(holding);
      this.#house.set(symbol, { pie, holding, text });
      if (quote) this.quote(symbol, quote.last.amount);
    }
    this.paint();
  }

  /** Remember the price; `paint` shows it. */
  quote(symbol, price) {
    this.#prices.set(symbol, price);
    this.#fresh.add(symbol);
  }

  /** For drawing: a float, or undefined. */
  price(symbol) {
    const found = this.#prices.get(symbol);
    return found && roughly(units(found));
  }

  paint() {
    for (const symbol of this.#fresh) {
      const price = this.#windows.get(symbol)?.price;
      if (price) setText(price, shortPrice(this.#prices.get(symbol)));
    }
    this.#fresh.clear();
  }

  /** A window has closed. Without motion, a word tells what went in and what came out. */
  flash({ symbol, side, orders, quantity }) {
    const cell = this.#windows.get(symbol)?.cell;
    if (!cell) return;
    if (calm.matches) cell.dataset.last = `${orders} → ${quantity ? briefly(quantity) : "house"}`;
    const tone = getComputedStyle(cell).getPropertyValue(`--${side.toLowerCase()}`);
    animate(cell, { borderColor: [tone, ""], offset: [0, 1] }, { duration: 900, easing: "ease-in" });
  }

  /** The house's inventory, from the desk's custody. */
  holdings(custody) {
    for (const { instrument, house } of custody) {
      const found = this.#house.get(instrument.symbol);
      if (!found) continue;
      const size = units(house);
      found.pie.style.setProperty("--part", roughly(size % UNIT).toFixed(4));
      found.holding.title = `The house holds ${exactly(size)} ${instrument.symbol}`;
      setText(found.text, `${instrument.symbol} ${briefly(size)}`);
    }
  }
}

function shortPrice(text) {
  const [whole, decimals] = exactly(units(text)).split(".");
  return whole.length > 5 ? whole : `${whole}.${decimals.slice(0, 2)}`;
}
