/** The proof: customers + house + in flight = custodian + street, reckoned here, in whole numbers of 0.00000001. */

import { byId, figure, make, setFigure, setText } from "./dom.js";
import { distance, exactly, sum, units } from "./exact.js";

const COLUMNS = ["customers", "house", "inFlight", "custodian", "street"];

export class Proof {
  #body = byId("proof-rows");
  #total = byId("proof-total");
  #glance = byId("proof-glance");
  #verdict = byId("proof-verdict");
  #checks = byId("proof-checks");
  #rows = new Map();
  #checked = 0;

  /** Take the custody of all instruments, reckon, and show. */
  show(custody) {
    const differences = custody.map((each) => this.#row(each));
    const total = sum(differences.map(distance));
    this.#checked += 1;
    this.#total.value = exactly(total);
    this.#total.dataset.units = String(total);
    setFigure(this.#total.firstElementChild, total);
    setText(this.#glance, exactly(total));
    document.documentElement.dataset.proof = total === 0n ? "holds" : "broken";
    // Said aloud only when it changes.
    setText(
      this.#verdict,
      total === 0n ? "Every share is accounted for." : `${exactly(total)} shares are not accounted for.`,
    );
    this.#checks.value = String(this.#checked);
    const times = this.#checked === 1 ? "once" : `${this.#checked.toLocaleString("en")} times`;
    setText(this.#checks, `${custody.length} instruments, checked ${times}`);
  }

  #row(custody) {
    const { symbol, name } = custody.instrument;
    if (!this.#rows.has(symbol)) this.#rows.set(symbol, this.#build(symbol, name));
    const row = this.#rows.get(symbol);
    const [customers, house, inFlight, custodian, street] = COLUMNS.map((column) => units(custody[column]));
    [customers, house, inFlight, custodian, street].forEach((size, index) => setFigure(row.figures[index], size));
    const difference = customers + house + inFlight - custodian - street;
    setFigure(row.difference, difference);
    row.line.dataset.holds = String(difference === 0n && units(custody.difference) === 0n);
    return difference;
  }

  #build(symbol, name) {
    const figures = COLUMNS.map(() => figure(0n));
    const difference = figure(0n);
    const line = make(
      "tr",
      {},
      make("th", { scope: "row", title: name }, symbol),
      ...figures.map((each) => make("td", {}, each)),
      make("td", { className: "difference" }, difference),
    );
    line.dataset.symbol = symbol;
    this.#body.append(line);
    return { line, figures, difference };
  }
}
