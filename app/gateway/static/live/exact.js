/** Exact amounts: whole numbers of 0.00000001 as BigInt. A float is made for drawing only, never for a sum. */

export const UNIT = 100_000_000n;
const PLACES = 8;
const DECIMAL = /^(-?)(\d+)(?:\.(\d{1,8}))?$/;

/** "12.5" → 1250000000n. Throws for anything that is not a decimal of at most 8 places. */
export function units(text) {
  const found = DECIMAL.exec(text);
  if (!found) throw new RangeError(`not an exact decimal: ${text}`);
  const [, sign, whole, decimals = ""] = found;
  const size = BigInt(whole + decimals.padEnd(PLACES, "0"));
  return sign ? -size : size;
}

/** 1250000000n → { whole: "12", decimals: "50000000" }, the whole part signed and grouped by thousands. */
export function parts(size, places = PLACES) {
  const digits = (size < 0n ? -size : size).toString().padStart(PLACES + 1, "0");
  const whole = digits.slice(0, -PLACES).replace(/\B(?=(\d{3})+$)/g, ",");
  return { whole: (size < 0n ? "−" : "") + whole, decimals: digits.slice(-PLACES).slice(0, places) };
}

/** 1250000000n → "12.50000000". */
export function exactly(size) {
  const { whole, decimals } = parts(size);
  return `${whole}.${decimals}`;
}

/** 1250000000n → "12.5", and 1200000000n → "12". */
export function briefly(size) {
  return exactly(size).replace(/\.?0+$/, "");
}

/** 125000000000n → "$1,250.00"; parts of a cent only where there are any. */
export function dollars(size) {
  const [whole, decimals] = exactly(distance(size)).split(".");
  return `${size < 0n ? "−" : ""}$${whole}.${decimals.replace(/0{1,6}$/, "")}`;
}

/** A price to look at: $113.48, or $0.0125. Never used for a sum. */
export function price(size) {
  const step = 10_000n;
  return dollars(((size + step / 2n) / step) * step);
}

export function sum(sizes) {
  return sizes.reduce((total, size) => total + size, 0n);
}

export function distance(size) {
  return size < 0n ? -size : size;
}

/** Shares × price, rounded half up to a unit, as the ledger does it. */
export function multiply(a, b) {
  return (2n * a * b + UNIT) / (2n * UNIT);
}

/** For drawing: how many, as a float. */
export function roughly(size) {
  return Number(size) / Number(UNIT);
}
