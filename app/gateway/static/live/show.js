/** Puts the flow of events on the page: what flies, what is listed, what is counted. Nothing while nobody looks. */

import { byId, calm, setText } from "./dom.js";
import { UNIT, briefly, price, units } from "./exact.js";
import { Narrator } from "./narrator.js";
import { Pace } from "./pace.js";
import { Places } from "./places.js";
import { Play } from "./play.js";
import { Asks, Fills } from "./rows.js";
import { Stage } from "./stage.js";

const WINDOW = 50;
/** Some orders are followed by name, with this pause between. */
const FOLLOW_EVERY = 1_500;
const PAINT_EVERY = 400;
const SAY_EVERY = 1_000;

export class Show {
  onStart = () => {};
  #board;
  #names;
  #seen;
  #places = new Places(byId("flow"));
  #stage = new Stage(byId("stage"));
  #asks = new Asks(byId("asks"));
  #fills = new Fills(byId("fills"));
  #narrator = new Narrator();
  #pace = new Pace();
  #venue = byId("venue-deal");
  #rosette = byId("rosette");
  #play;
  #paused = false;
  #followed = -Infinity;
  #painted = 0;
  #turned = 0;
  #said = 0;
  #flashed = 0;
  #pending = 0;
  /** Without motion: the order whose market order is about to end. */
  #toTell = null;
  /** When the last order came, by symbol and side. */
  #lately = new Map();

  constructor({ board, names }) {
    this.#board = board;
    this.#names = names;
    this.#play = new Play({
      stage: this.#stage,
      places: this.#places,
      priceOf: (symbol) => board.price(symbol),
      onLeft: (market) => board.flash(market),
      onArrived: (market) => this.#arrived(market),
      onLanded: (order) => this.#landed(order),
    });
  }

  /** Whether nobody sees it, or the reader paused it. */
  get isStill() {
    return document.hidden || this.#paused;
  }

  begin(seen) {
    this.#seen = seen;
    new ResizeObserver(() => this.#measure()).observe(byId("flow"));
    document.fonts?.ready.then(() => this.#measure());
    document.addEventListener("visibilitychange", () => this.#restart());
    calm.addEventListener("change", () => this.#restart());
    byId("pause").addEventListener("click", ({ currentTarget }) => {
      this.#paused = !this.#paused;
      currentTarget.setAttribute("aria-pressed", String(this.#paused));
      this.#restart();
    });
    this.#frame();
  }

  accepted(order) {
    this.#pace.arrived();
    if (this.isStill || this.#pace.isFlooded) return;
    const now = performance.now();
    if (this.#isWorthFollowing(order, now)) {
      this.#followed = now;
      order.followed = true;
      this.#asks.add(order, this.#names.get(order.symbol) ?? "");
    }
    if (!calm.matches) this.#play.accepted(order, now);
  }

  /** Best are orders in company: those tell more. */
  #isWorthFollowing({ symbol, side }, now) {
    const before = this.#lately.get(symbol + side) ?? -Infinity;
    this.#lately.set(symbol + side, now);
    const since = now - this.#followed;
    return since > FOLLOW_EVERY && (now - before < WINDOW || since > 1.6 * FOLLOW_EVERY);
  }

  made(market) {
    if (this.isStill || this.#pace.isFlooded) return;
    const now = performance.now();
    if (!calm.matches) this.#play.made(market, now);
    else if (now - this.#flashed > SAY_EVERY) {
      this.#flashed = now;
      this.#board.flash(market);
    }
  }

  joined(order) {
    this.#play.joined(order);
  }

  filled(order, quantity) {
    this.#play.filled(order, quantity);
    if (calm.matches && order.followed && order.done) this.#toTell = order;
  }

  gone(order) {
    this.#play.gone(order);
  }

  closed(market) {
    this.#play.closed(market);
    if (!calm.matches || this.isStill || this.#toTell?.market !== market) return;
    this.#arrived(market);
    this.#landed(this.#toTell);
    this.#toTell = null;
  }

  #measure() {
    const { width, height } = this.#places.measure();
    this.#stage.resize(width, height);
    this.#play.clear();
  }

  /** After a pause the show begins anew with what happens now. */
  #restart() {
    if (this.isStill) return;
    this.#play.clear();
    this.#frame();
    this.onStart();
  }

  #frame() {
    cancelAnimationFrame(this.#pending);
    this.#pending = requestAnimationFrame((now) => {
      if (this.isStill) return;
      if (this.#pace.isTime(now) && !calm.matches) this.#play.frame(now);
      if (now - this.#painted > PAINT_EVERY) this.#paint(now);
      this.#frame();
    });
  }

  #arrived(market) {
    this.#turned += 3;
    this.#rosette.style.setProperty("--turned", `${this.#turned}deg`);
    const now = performance.now();
    if (now - this.#said < SAY_EVERY || market.price === null || market.quantity === 0n || !market.isWhole) return;
    this.#said = now;
    setText(this.#venue, `${briefly(market.quantity)} ${market.symbol} at ${price(units(market.price))}`);
  }

  #landed(order) {
    this.#fills.add(order);
    this.#narrator.tell(order, performance.now());
  }

  #paint(now) {
    this.#painted = now;
    this.#board.paint();
    const { orders, markets, wholeShares, fills } = this.#seen;
    count("orders-seen", orders);
    count("markets-seen", markets);
    count("shares-seen", wholeShares / UNIT);
    count("fills-seen", fills);
    this.#narrator.sumUp(this.#seen, now);
  }
}

function count(id, number) {
  const element = byId(id);
  element.value = String(number);
  setText(element, number.toLocaleString("en"));
}
