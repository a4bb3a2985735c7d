/** The live page: wires what the API tells to what is seen. */

import { Api } from "./live/api.js";
import { Board } from "./live/board.js";
import { DESK, DESK_EVENTS, INSTRUMENTS, QUOTES } from "./live/documents.js";
import { byId } from "./live/dom.js";
import { Flow } from "./live/flow.js";
import { Proof } from "./live/proof.js";
import { Session, askForToken } from "./live/session.js";
import { Socket } from "./live/socket.js";
import { Status } from "./live/status.js";
import { Story } from "./live/story.js";
import { Show } from "./live/show.js";
import { Tickets } from "./live/tickets.js";

const REFRESH = 2_000;

const session = new Session(askForToken(byId("token-form")));
const api = new Api(session);
const status = new Status();
const proof = new Proof();

async function begin() {
  const [{ instruments }, now] = await Promise.all([api.ask(INSTRUMENTS), api.ask(DESK)]);
  const tradable = instruments.edges.map(({ node }) => node).filter((each) => each.tradable);
  const board = new Board(byId("windows"), byId("house"), tradable);
  const whole = new Set(tradable.filter((each) => each.wholeShares).map((each) => each.symbol));
  const names = new Map(tradable.map((each) => [each.symbol, each.name]));

  const show = new Show({ board, names });
  const flow = new Flow((symbol) => whole.has(symbol), show);
  const story = new Story(
    (...asked) => api.ask(...asked),
    (id) => flow.market(id)?.houseShares,
  );
  const tickets = new Tickets((id) => story.open(id));

  function tell({ desk, market }) {
    status.market(market);
    proof.show(desk.custody);
    board.holdings(desk.custody);
    tickets.show(desk.marketOrders.edges.map(({ node }) => node));
  }

  async function refresh() {
    if (show.isStill) return;
    const answer = await api.ask(DESK);
    if (!show.isStill) tell(answer);
  }

  tell(now);
  status.fresh();
  flow.cursor = now.desk.cursor;
  show.begin(flow.seen);
  status.count(flow.seen);
  const socket = new Socket(session, (state) => status.connection(state));
  socket.subscribe(
    DESK_EVENTS,
    () => ({ after: flow.cursor }),
    ({ deskEvents }) => flow.take(deskEvents),
  );
  socket.subscribe(
    QUOTES,
    () => ({ symbols: [...names.keys()] }),
    ({ quotes }) => board.quote(quotes.instrument.symbol, quotes.last.amount),
  );
  socket.open();
  show.onStart = () => refreshed(refresh);
  repeat(() => refreshed(refresh));
}

/** A refresh that fails is made up for by the next; the page says that its figures are old. */
async function refreshed(refresh) {
  try {
    await refresh();
    status.fresh();
  } catch (error) {
    status.stale(error);
  }
}

async function repeat(work) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, REFRESH));
    await work();
  }
}

async function beginUntilItWorks() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10_000)) {
    try {
      return await begin();
    } catch (error) {
      status.stale(error);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

beginUntilItWorks();
