/** Queries over HTTP. */

const PATIENCE = 10_000;

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** The data of a query; throws what went wrong. A token that is refused, or may not see this, is asked for again. */
  async ask(query, variables = {}) {
    const token = await this.#session.token();
    let answer = await this.#post(token, query, variables);
    if (answer.isRefused) answer = await this.#post(await this.#session.renew(token), query, variables);
    if (answer.errors?.length) throw new Error(answer.errors[0].message);
    return answer.data;
  }

  async #post(token, query, variables) {
    const response = await fetch("graphql", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const { data, errors } = await response.json();
    const isRefused = response.status === 401 || errors?.[0].extensions?.code === "FORBIDDEN";
    return { data, errors, isRefused };
  }
}
