/** How orders look and read: a slice for a part of a share, a coin for whole ones. */

import { UNIT, briefly, roughly, units } from "./exact.js";

/** A part too small to be seen would be no slice at all. */
const THINNEST = 0.04;

/** So many shares, as a float, as a slice: a paler disc tells that there are whole ones too. */
export function slice(count, least) {
  const radius = least + Math.min(4, Math.log2(1 + count));
  return { kind: "slice", radius, part: Math.max(count % 1, THINNEST), isMore: count >= 1 };
}

/** A market order: whole shares as a coin with their number, else a slice. */
export function look(size) {
  if (size % UNIT !== 0n) return slice(roughly(size), 9);
  const radius = 9 + Math.min(7, Math.log2(1 + roughly(size)));
  return { kind: "coin", radius, text: briefly(size).replace(/,\d{3}$/, "k") };
}

/** How an investor would say it. */
export function wish({ amount, quantity, symbol }) {
  return amount === null ? `${briefly(quantity)} ${symbol}` : `$${briefly(units(amount))} of ${symbol}`;
}
