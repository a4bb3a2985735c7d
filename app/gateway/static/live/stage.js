/** The canvas over the page: slices and coins that fly from place to place. Bounded, and still when nothing moves. */

/** More than this at once is a blur: what comes on top is not drawn. */
const MOST = 260;
const TURN = 2 * Math.PI;

export class Stage {
  #canvas;
  #context;
  #flights = [];
  #colours = {};
  #width = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.#readColours());
    this.#readColours();
  }

  get isFull() {
    return this.#flights.length >= MOST;
  }

  resize(width, height) {
    this.#width = width;
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    this.#context.scale(scale, scale);
  }

  /** Let something fly. `from` and `to` are { x, y }; with `rests` it stays there until `gone` is set.
   *
   * What is seen: `kind` slice or coin, `tone` buy, sell or house, `radius`, `part` of a turn, `text`, `label`.
   */
  fly(flight) {
    if (this.isFull && !flight.label) return null;
    const made = { gone: false, rests: false, across: true, label: "", text: "", part: 0, ...flight };
    this.#flights.push(made);
    return made;
  }

  clear() {
    this.#flights.length = 0;
    this.#wipe();
  }

  frame(now) {
    this.#wipe();
    const flights = this.#flights;
    for (let index = flights.length - 1; index >= 0; index--) {
      const flight = flights[index];
      const age = (now - flight.born) / flight.lasts;
      if (flight.gone || (age >= 1 && !flight.rests)) {
        flights[index] = flights[flights.length - 1];
        flights.pop();
        flight.landed?.();
      } else if (age >= 0) {
        this.#draw(flight, Math.min(age, 1));
      }
    }
  }

  #wipe() {
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  #draw(flight, age) {
    const context = this.#context;
    const { from, to, across } = flight;
    const along = smooth(age);
    const aside = smooth(along);
    const x = from.x + (to.x - from.x) * (across ? along : aside);
    const y = from.y + (to.y - from.y) * (across ? aside : along);
    const fades = flight.rests ? 1 : Math.min(1, (1 - age) * 6);
    // One below the other, the steps have words between them: what flies there is faint.
    const veil = across || flight.label ? 1 : 0.35 + 0.65 * Math.abs(2 * age - 1);
    context.globalAlpha = Math.min(1, age * 7) * fades * veil;
    if (flight.kind === "coin") this.#coin(flight, x, y);
    else this.#slice(flight, x, y);
    if (flight.label) this.#label(flight, x, y);
    context.globalAlpha = 1;
  }

  /** A part of a share: a ring, filled as far as the part goes; paler all round when there are whole shares too. */
  #slice({ tone, radius, part, isMore }, x, y) {
    const context = this.#context;
    const alpha = context.globalAlpha;
    context.beginPath();
    context.arc(x, y, radius, 0, TURN);
    context.fillStyle = this.#colours.paper;
    context.fill();
    context.fillStyle = context.strokeStyle = this.#colours[tone];
    if (isMore) {
      context.globalAlpha = alpha * 0.45;
      context.fill();
      context.globalAlpha = alpha;
    }
    context.lineWidth = 1.2;
    context.stroke();
    context.beginPath();
    context.moveTo(x, y);
    context.arc(x, y, radius, -TURN / 4, -TURN / 4 + TURN * part);
    context.fill();
  }

  /** A market order: how many shares, in the middle of a coin. */
  #coin({ tone, radius, text }, x, y) {
    const context = this.#context;
    context.beginPath();
    context.arc(x, y, radius, 0, TURN);
    context.fillStyle = this.#colours[tone];
    context.fill();
    context.beginPath();
    context.arc(x, y, radius - 2.5, 0, TURN);
    context.strokeStyle = this.#colours.paper;
    context.lineWidth = 0.75;
    context.stroke();
    context.fillStyle = this.#colours.paper;
    context.font = `600 ${text.length > 3 ? 8.5 : 11}px ${this.#colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(text, x, y + 0.5);
  }

  /** The label of one that is followed, above it; it stays on the side where there is room. */
  #label({ label, radius, align }, x, y) {
    const context = this.#context;
    context.font = `600 12px ${this.#colours.font}`;
    const half = context.measureText(label).width / 2;
    const shift = { start: half - radius, end: radius - half }[align] ?? 0;
    x = Math.max(half, Math.min(x + shift, this.#width - half));
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.lineJoin = "round";
    context.strokeStyle = this.#colours.paper;
    context.lineWidth = 4;
    context.strokeText(label, x, y - radius - 6);
    context.fillStyle = this.#colours.ink;
    context.fillText(label, x, y - radius - 6);
  }

  #readColours() {
    const style = getComputedStyle(this.#canvas);
    for (const name of ["paper", "ink", "buy", "sell", "house"]) {
      this.#colours[name] = style.getPropertyValue(`--${name}`).trim();
    }
    this.#colours.font = style.fontFamily;
  }
}

function smooth(t) {
  return t * t * (3 - 2 * t);
}
