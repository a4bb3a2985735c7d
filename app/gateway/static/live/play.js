/** Plays what happens so slowly that it can be seen: orders gather, leave as one, and come back as exact parts. */

import { briefly, exactly, roughly, units } from "./exact.js";
import { look, slice, wish } from "./looks.js";

const GATHER = [900, 1_500];
const REST = 250;
const MERGE = 260;
const TRAVEL = 1_000;
const RETURN = 1_200;
const STAGGER = 40;
/** What has not come to its end by then is not waited for. */
const PATIENCE = 9_000;
const MOST_PLAYS = 250;

const toneOf = (side) => side.toLowerCase();

export class Play {
  #stage;
  #places;
  #priceOf;
  #onLanded;
  #onLeft;
  #onArrived;
  #plays = new Map();

  /** `onLeft(market)` when a window is seen to close, `onArrived(market)` at the venue, `onLanded(order)` at last. */
  constructor({ stage, places, priceOf, onLeft, onArrived, onLanded }) {
    this.#stage = stage;
    this.#places = places;
    this.#priceOf = priceOf;
    this.#onLeft = onLeft;
    this.#onArrived = onArrived;
    this.#onLanded = onLanded;
  }

  clear() {
    this.#plays.clear();
    this.#stage.clear();
  }

  accepted(order, now) {
    const to = this.#places.window(order.symbol);
    if (!to) return;
    const lasts = GATHER[0] + Math.random() * (GATHER[1] - GATHER[0]);
    order.arrives = now + lasts;
    order.chip = this.#slice(order, this.#size(order), {
      from: this.#places.ask(),
      to,
      born: now,
      lasts,
      rests: true,
      label: order.followed ? wish(order) : "",
      align: "start",
    });
  }

  made(market, now) {
    if (this.#plays.size >= MOST_PLAYS) this.#end(this.#plays.values().next().value);
    const play = { market, orders: [], fills: [], phase: "gather", due: now + GATHER[1], born: now, closed: false };
    this.#plays.set(market.id, play);
  }

  joined(order) {
    const play = this.#plays.get(order.market.id);
    if (!play) return;
    play.orders.push(order);
    if (play.orders.length === play.market.orders) {
      play.due = Math.max(...play.orders.map((each) => each.arrives ?? 0)) + REST;
    }
  }

  filled(order, quantity) {
    this.#plays.get(order.market?.id)?.fills.push({ order, quantity, last: order.done });
  }

  gone(order) {
    if (order.chip) order.chip.gone = true;
  }

  closed(market) {
    const play = this.#plays.get(market.id);
    if (play) play.closed = true;
  }

  frame(now) {
    for (const play of this.#plays.values()) {
      if (now - play.born > PATIENCE) this.#end(play);
      else if (now >= play.due) this[play.phase](play, now);
    }
    this.#stage.frame(now);
  }

  /** Every order of the window has arrived in it: draw them together. */
  gather(play, now) {
    const to = this.#places.windowMiddle(play.market.symbol);
    for (const { chip } of play.orders) {
      if (!chip || chip.gone) continue;
      chip.gone = true;
      this.#stage.fly({ ...chip, from: chip.to, to, born: now, lasts: MERGE, rests: false, gone: false, label: "" });
    }
    play.phase = "leave";
    play.due = now + MERGE * 0.8;
  }

  /** One order leaves; if the house gives something, that leaves as well. */
  leave(play, now) {
    const { market } = play;
    const house = this.#places.house(market.symbol);
    play.toHouse = market.quantity === 0n;
    const size = play.toHouse ? market.requested : market.quantity;
    const followed = play.orders.some((order) => order.followed);
    this.#stage.fly({
      ...look(size),
      tone: toneOf(market.side),
      label: followed ? `${briefly(size)} ${market.symbol}` : "",
      from: this.#places.windowMiddle(market.symbol),
      to: play.toHouse ? house : this.#places.venueIn(),
      across: this.#places.across,
      born: now,
      lasts: TRAVEL,
    });
    if (market.supplied > 0n && !play.toHouse) this.#house(market.supplied, house, this.#places.venueBottom(), now);
    this.#onLeft(market);
    play.phase = "arrive";
    play.due = now + TRAVEL * 0.94;
  }

  arrive(play, now) {
    this.#onArrived(play.market);
    play.phase = "share";
    this.share(play, now);
  }

  /** What was dealt is shared out; the rest goes to the house. */
  share(play, now) {
    play.fills.splice(0).forEach(({ order, quantity, last }, index) => {
      const followed = order.followed && last;
      const made = this.#slice(order, roughly(quantity), {
        from: play.toHouse ? this.#places.house(order.symbol) : this.#places.venueOut(),
        to: followed ? this.#places.firstResult() : this.#places.result(),
        born: now + index * STAGGER,
        lasts: RETURN,
        label: followed ? `${exactly(order.filled)} ${order.symbol}` : "",
        align: "end",
      });
      if (made && followed) made.landed = () => this.#onLanded(order);
    });
    if (!play.closed) return;
    const { houseShares, symbol } = play.market;
    if (houseShares > 0n && !play.toHouse)
      this.#house(houseShares, this.#places.venueBottom(), this.#places.house(symbol), now);
    this.#end(play);
  }

  #end(play) {
    for (const { chip } of play.orders) if (chip) chip.gone = true;
    this.#plays.delete(play.market.id);
  }

  #size(order) {
    if (order.quantity !== null) return roughly(order.quantity);
    const price = this.#priceOf(order.symbol);
    return price ? roughly(units(order.amount)) / price : 0.5;
  }

  #slice(order, size, flight) {
    const emphasis = order.followed ? 8 : 5.5;
    const seen = { ...slice(size, emphasis), tone: toneOf(order.side), across: this.#places.across };
    return this.#stage.fly({ ...seen, ...flight });
  }

  #house(size, from, to, now) {
    const seen = { kind: "slice", tone: "house", radius: 5, part: roughly(size) % 1, across: false };
    this.#stage.fly({ ...seen, from, to, born: now, lasts: TRAVEL });
  }
}
