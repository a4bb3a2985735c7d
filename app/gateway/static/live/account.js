/** Reckons one market order up: every sum from its parts, and whether it is what the API says. All in BigInt. */

import { briefly, distance, dollars, exactly, multiply, sum, units } from "./exact.js";

const CENT = 1_000_000n;

export class Account {
  /** `houseShares` is what the journal booked to the house at the end, if it was heard. */
  constructor(made, houseShares) {
    this.made = made;
    this.isAlone = made.capacity === "PRINCIPAL";
    this.executions = made.executions.map(execution);
    this.orders = made.allocations.map(allocation);
    this.stated = sum(this.orders.map((each) => each.stated));
    this.total = {
      filled: sum(this.orders.map((each) => each.filled)),
      amount: sum(this.orders.map((each) => each.amount)),
    };
    this.dealt = {
      size: sum(this.executions.map((each) => each.size)),
      amount: sum(this.executions.map((each) => each.amount)),
    };
    /** What was dealt and did not go to (or come from) the investors. */
    this.house = { size: this.dealt.size - this.total.filled, amount: this.dealt.amount - this.total.amount };
    this.checks = [...this.#checks(houseShares)];
    this.houseWords = this.#houseWords();
  }

  *#checks(houseShares) {
    const { made, stated, dealt, total } = this;
    yield { says: `The stated shares make ${exactly(stated)}, as asked.`, holds: stated === units(made.requested) };
    yield {
      says: `The deals make ${exactly(dealt.size)} for ${dollars(dealt.amount)}, as the market order says.`,
      holds: dealt.size === units(made.filledQuantity) && dealt.amount === units(made.filledAmount.amount),
    };
    if (!made.endedAt || !this.executions.length) return;
    yield { says: "Everybody’s price is the average price, to the cent of what they paid.", holds: this.#isOnePrice() };
    if (this.isAlone) {
      yield {
        says: `Investors’ shares make ${exactly(total.filled)}, all of what was dealt.`,
        holds: this.house.size === 0n,
      };
    } else if (houseShares != null) {
      const booked = (houseShares - units(made.supplied)) * (made.side === "BUY" ? 1n : -1n);
      const part = `${booked < 0n ? "less" : "and"} the house’s ${exactly(distance(booked))}, as the journal booked it,`;
      yield {
        says: `Investors’ ${exactly(total.filled)} ${part} make ${exactly(dealt.size)}.`,
        holds: total.filled + booked === dealt.size,
      };
    }
  }

  #isOnePrice() {
    const price = units(this.made.averagePrice.amount);
    return this.orders.every(({ filled, amount }) => distance(multiply(filled, price) - amount) <= CENT);
  }

  #houseWords() {
    const { made, house, isAlone } = this;
    if (!made.endedAt) return "It is still being dealt.";
    if (isAlone) return `The house took all of it, ${briefly(this.total.filled)}, into its inventory.`;
    if (house.size === 0n) return "It came out even: nothing was left for the house.";
    const size = briefly(distance(house.size));
    const keeps = made.side === "BUY" ? house.size > 0n : house.size < 0n;
    if (!made.instrument.wholeShares) {
      return `The price moved a little on the way, so the house ${keeps ? "keeps" : "gave"} ${size}: everybody’s amount is met exactly.`;
    }
    return keeps
      ? `The house keeps ${size}, the rest of a whole share, at the same price as everybody.`
      : `The house gave ${size} from its inventory, so that whole shares could be dealt.`;
  }
}

function execution({ venue, quantity, price }) {
  const [size, each] = [units(quantity), units(price.amount)];
  return { venue, size, each, amount: multiply(size, each) };
}

function allocation({ orderId, quantity, filledQuantity, filledAmount }) {
  return { id: orderId, stated: units(quantity), filled: units(filledQuantity), amount: units(filledAmount.amount) };
}
