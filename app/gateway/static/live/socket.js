/** Subscriptions over WebSocket (graphql-transport-ws). It comes back by itself, each subscription from where it was. */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 10_000;
/** The server pings every few seconds; when it is silent for this long, the connection is dead. */
const SILENCE = 20_000;
/** A connection that held for this long was a sound one: the waits begin anew. */
const SOUND = 10_000;
/** Close codes after which another token is needed. */
const TOKEN_REFUSED = new Set([4401, 4403]);

export class Socket {
  #session;
  #onState;
  #subscriptions = [];
  #socket = null;
  #token = null;
  #failures = 0;
  #liveSince = Infinity;
  #timer = 0;
  #watch = 0;

  /** `onState` hears "connecting", "live" and "waiting". */
  constructor(session, onState) {
    this.#session = session;
    this.#onState = onState;
    addEventListener("online", () => this.#soon(0));
  }

  /** `variables()` is asked at each (re)connection, so that a subscription goes on where it was. */
  subscribe(query, variables, take) {
    this.#subscriptions.push({ query, variables, take });
  }

  async open() {
    clearTimeout(this.#timer);
    if (this.#socket) return;
    this.#onState("connecting");
    try {
      this.#token ??= await this.#session.token();
    } catch {
      this.#again();
      return;
    }
    if (this.#socket) return;
    const url = new URL("graphql", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, "graphql-transport-ws");
    this.#socket = socket;
    socket.onopen = () => this.#send({ type: "connection_init", payload: { token: this.#token } });
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
    socket.onclose = ({ code }) => this.#closed(code);
    this.#expect();
  }

  #hear(message) {
    this.#expect();
    switch (message.type) {
      case "connection_ack":
        this.#liveSince = performance.now();
        this.#subscriptions.forEach((each, index) => this.#start(each, index));
        this.#onState("live");
        break;
      case "ping":
        this.#send({ type: "pong" });
        break;
      case "next":
        if (message.payload.errors) this.#closed(0);
        else this.#subscriptions[message.id]?.take(message.payload.data);
        break;
      case "error":
      case "complete":
        // Ours never end by themselves: begin again, all of them, with a pause.
        this.#closed(0);
        break;
    }
  }

  #start({ query, variables }, index) {
    this.#send({ type: "subscribe", id: String(index), payload: { query, variables: variables() } });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** Something came, so the next thing is due within the time of silence. */
  #expect() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#closed(0), SILENCE);
  }

  async #closed(code) {
    clearTimeout(this.#watch);
    if (!this.#socket) return;
    const socket = this.#socket;
    this.#socket = null;
    socket.onclose = socket.onmessage = null;
    socket.close();
    if (performance.now() - this.#liveSince > SOUND) this.#failures = 0;
    this.#liveSince = Infinity;
    this.#onState("waiting");
    if (TOKEN_REFUSED.has(code)) {
      const refused = this.#token;
      this.#token = null;
      await this.#session.renew(refused).catch(() => {});
    }
    this.#again();
  }

  #again() {
    const longest = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    this.#onState("waiting");
    this.#soon(longest * (0.5 + Math.random() / 2));
  }

  #soon(wait) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.open(), wait);
  }
}
