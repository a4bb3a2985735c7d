/** Queries over HTTP. */

const PATIENCE = 10_000;

export class Api {
  #session;

  constructor(session) {
    this.#session = session;
  }

  /** The data of a query; throws what went wrong. */
  async ask(query, variables = {}) {
    const token = await this.#session.token();
    let answer = await this.#post(token, query, variables);
    if (answer.status === 401) answer = await this.#post(await this.#session.renew(token), query, variables);
    const { data, errors } = await answer.json();
    if (errors?.length) throw new Error(errors[0].message);
    return data;
  }

  #post(token, query, variables) {
    return fetch("graphql", {
      method: "POST",
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(PATIENCE),
    });
  }
}
