/** Where things are on the page, as the stage's canvas counts: measured when the layout changes, not in each frame. */

const within = (from, to) => from + Math.random() * (to - from);

export class Places {
  /** Whether the four steps stand side by side; else they stand one below the other. */
  across = true;
  #flow;
  #found = {};
  #windows = new Map();
  #house = new Map();

  constructor(flow) {
    this.#flow = flow;
  }

  measure() {
    const origin = this.#flow.getBoundingClientRect();
    const box = (element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return {
        left: left - origin.left,
        right: right - origin.left,
        top: top - origin.top,
        bottom: bottom - origin.top,
        x: (left + right) / 2 - origin.left,
        y: (top + bottom) / 2 - origin.top,
      };
    };
    for (const element of this.#flow.querySelectorAll("[data-place]"))
      this.#found[element.dataset.place] = box(element);
    for (const element of this.#flow.querySelectorAll("[data-window]"))
      this.#windows.set(element.dataset.window, box(element));
    for (const element of this.#flow.querySelectorAll("[data-house]"))
      this.#house.set(element.dataset.house, box(element));
    this.across = this.#found.asks.right < this.#found.venue.left;
    return { width: origin.width, height: origin.height };
  }

  /** Where an order comes from. */
  ask() {
    const { asks } = this.#found;
    if (!this.across) return { x: within(asks.left + 30, asks.right - 30), y: asks.bottom + 4 };
    return { x: asks.right + 8, y: within(asks.top + 8, asks.bottom - 8) };
  }

  /** A place in the window of a symbol: beside its name. */
  window(symbol) {
    const cell = this.#windows.get(symbol);
    if (!cell) return null;
    const middle = cell.left + (cell.right - cell.left) * 0.6;
    return { x: within(middle, cell.right - 10), y: within(cell.top + 10, cell.bottom - 10) };
  }

  windowMiddle(symbol) {
    const cell = this.#windows.get(symbol);
    return { x: cell.left + (cell.right - cell.left) * 0.78, y: cell.y };
  }

  /** Where market orders come in: at the near side of the venue. */
  venueIn() {
    return this.#venue(-0.62);
  }

  /** Where fills come out: at the far side. */
  venueOut() {
    return this.#venue(0.72);
  }

  /** Where the house's part comes out: at the bottom. */
  venueBottom() {
    const { venue } = this.#found;
    const reach = (venue.bottom - venue.top) / 2;
    return { x: venue.x + within(-reach, reach) * 0.4, y: venue.y + reach * 0.8 };
  }

  #venue(along) {
    const { venue } = this.#found;
    const reach = (venue.bottom - venue.top) / 2;
    const [near, aside] = [reach * along, reach * within(-0.45, 0.45)];
    return this.across ? { x: venue.x + near, y: venue.y + aside } : { x: venue.x + aside, y: venue.y + near };
  }

  house(symbol) {
    return this.#house.get(symbol) ?? null;
  }

  /** Where a fill goes. */
  result() {
    const { fills } = this.#found;
    if (!this.across) return { x: within(fills.left + 30, fills.right - 30), y: fills.top - 6 };
    return { x: fills.left - 8, y: within(fills.top + 8, fills.bottom - 8) };
  }

  /** Where the fill of an order goes whose line is about to appear there. */
  firstResult() {
    const { fills } = this.#found;
    return this.across ? { x: fills.left - 8, y: fills.top + 26 } : { x: fills.x, y: fills.top - 6 };
  }
}
