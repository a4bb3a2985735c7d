/** Keeps the drawing cheap: fewer frames on a slow machine, and nothing drawn of a flood. */

/** Milliseconds per frame beyond which every second frame is left out. */
const SLOW = 21;
/** More orders than this in one frame were missed while the connection was away: they are counted, but not shown. */
const FLOOD = 40;

export class Pace {
  #average = 16;
  #before = 0;
  #isOdd = false;
  #orders = 0;

  /** Another order: is it one of a flood? */
  arrived() {
    this.#orders += 1;
  }

  get isFlooded() {
    return this.#orders > FLOOD;
  }

  /** Another frame: is it one to draw? */
  isTime(now) {
    this.#orders = 0;
    this.#average += (Math.min(now - this.#before, 100) - this.#average) / 20;
    this.#before = now;
    this.#isOdd = !this.#isOdd;
    return this.#isOdd || this.#average < SLOW;
  }
}
