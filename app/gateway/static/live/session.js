/** Who we are: a demo hands out a token; elsewhere the reader is asked for one, and only this tab remembers it. */

const KEPT = "wealthgraph.token";

export class Session {
  #ask;
  #token = null;
  #under_way = null;

  /** `ask(refused)` shows the form and answers what was typed; `refused` is true if the last token was not taken. */
  constructor(ask) {
    this.#ask = ask;
  }

  /** The token to use now. */
  async token() {
    if (this.#token) return this.#token;
    this.#under_way ??= this.#find(false).finally(() => (this.#under_way = null));
    return this.#under_way;
  }

  /** The server no longer takes `token`: get another. */
  async renew(token) {
    if (this.#token !== token) return this.token();
    this.#token = null;
    sessionStorage.removeItem(KEPT);
    this.#under_way ??= this.#find(true).finally(() => (this.#under_way = null));
    return this.#under_way;
  }

  async #find(refused) {
    const demo = await fetch("demo/session", { cache: "no-store" });
    if (demo.ok) {
      this.#token = (await demo.json()).operatorToken;
    } else if (demo.status === 404) {
      this.#token = sessionStorage.getItem(KEPT) ?? (await this.#ask(refused));
      sessionStorage.setItem(KEPT, this.#token);
    } else {
      throw new Error(`no session: the server answered ${demo.status}`);
    }
    return this.#token;
  }
}

/** Shows the form in the page and waits for a token. */
export function askForToken(form) {
  return (refused) =>
    new Promise((resolve) => {
      form.hidden = false;
      form.querySelector("[data-refused]").hidden = !refused;
      form.elements.token.value = "";
      form.elements.token.focus();
      form.addEventListener("submit", function submitted(event) {
        event.preventDefault();
        const token = form.elements.token.value.trim();
        if (!token) return;
        form.removeEventListener("submit", submitted);
        form.hidden = true;
        resolve(token);
      });
    });
}
