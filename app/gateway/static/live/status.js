/** How the page is doing: the connection, the market's clock, and whether the figures are fresh. Said discreetly. */

import { byId, setHidden, setText } from "./dom.js";

const WORDS = { connecting: "connecting", live: "live", waiting: "reconnecting" };
/** A short break is not worth a word. */
const GRACE = 1_500;

export class Status {
  #element = byId("connection");
  #words = byId("connection-words");
  #stale = byId("stale");
  #clock = byId("market-clock");
  #timer = 0;

  connection(state) {
    this.#element.dataset.state = state;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => setText(this.#words, WORDS[state]), state === "live" ? 0 : GRACE);
  }

  /** What the connection brought, for the curious (and for tests). */
  count(seen) {
    const tell = () => {
      Object.assign(this.#element.dataset, { events: seen.events, missed: seen.missed });
      this.#element.title = `${seen.events.toLocaleString("en")} events, ${seen.missed} missed`;
    };
    tell();
    setInterval(tell, 1_000);
  }

  market({ now, simulated }) {
    const options = {
      weekday: "long",
      day: "numeric",
      month: "long",
      year: "numeric",
      hour: "2-digit",
      minute: "2-digit",
    };
    const time = new Date(now).toLocaleString("en", { ...options, timeZone: "America/New_York", hour12: false });
    this.#clock.dateTime = now;
    setText(this.#clock, time);
    setHidden(byId("simulated"), !simulated);
  }

  fresh() {
    setHidden(this.#stale, true);
  }

  stale(error) {
    setHidden(this.#stale, false);
    setText(this.#stale, `The figures below are not fresh: ${error.message}. Trying again.`);
  }
}
