// GraphiQL on our endpoint: queries and mutations by POST, subscriptions by graphql-transport-ws, both with a token.
"use strict";

const STORED = "wealthgraph.token";
const WELCOME = `# Welcome to Wealthgraph. Write an operation and press the button, or Ctrl-Enter.
# The token goes into the headers below: {"Authorization": "Bearer …"}

{
  __typename
}
`;

/** The demonstration's tokens and examples, where one is running. */
async function demoSession() {
  try {
    const response = await fetch("/demo/session");
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** The token in ?token=, kept for the next visit and taken out of the address bar. */
function givenToken() {
  const here = new URL(location.href);
  const token = here.searchParams.get("token");
  if (token) {
    localStorage.setItem(STORED, token);
    here.searchParams.delete("token");
    history.replaceState(null, "", here);
  }
  return token;
}

const authorization = (token) => JSON.stringify({ Authorization: `Bearer ${token}` }, null, 2);

function isSubscription({ operationName }, document) {
  const operations = (document?.definitions ?? []).filter((each) => each.kind === "OperationDefinition");
  const chosen = operations.find((each) => each.name?.value === operationName) ?? operations[0];
  return chosen?.operation === "subscription";
}

async function post(params, headers) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", ...headers },
    body: JSON.stringify(params),
  });
  return response.json();
}

/** What GraphiQL calls an observable; each run has its own socket, with the headers as they are at that moment. */
function subscribe(params, headers) {
  const client = graphqlWs.createClient({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`,
    connectionParams: headers,
    // A token that is refused stays so until it is changed in the headers.
    shouldRetry: (event) => event instanceof CloseEvent && event.code !== 4403,
  });
  return {
    subscribe(observer) {
      const stop = client.subscribe(params, {
        next: (result) => observer.next(result),
        error: (error) => observer.error(readable(error)),
        complete: () => observer.complete(),
      });
      return {
        unsubscribe() {
          stop();
          client.dispose();
        },
      };
    },
  };
}

function readable(error) {
  return error instanceof CloseEvent ? { message: `The socket closed: ${error.code} ${error.reason}` } : error;
}

function App({ session, token }) {
  const [query, setQuery] = React.useState();
  const explorer = GraphiQLPluginExplorer.useExplorerPlugin({ query, onEdit: setQuery, showAttribution: false });
  // A token that is not in the headers editor is sent all the same: GraphiQL forgets headers on a reload.
  const fetcher = React.useCallback((params, options) => {
    const headers = { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...options?.headers };
    return isSubscription(params, options?.documentAST) ? subscribe(params, headers) : post(params, headers);
  }, [token]);
  const tabs = (session?.examples ?? []).map((example) => ({
    query: example.query,
    variables: example.variables ? JSON.stringify(example.variables, null, 2) : "",
    headers: authorization(example.as === "operator" ? session.operatorToken : token),
  }));
  // Of the first tab GraphiQL takes only the query.
  const first = sessionStorage.getItem("graphiql:tabState") ? undefined : tabs[0];
  const [{ variables, headers }] = React.useState(first ?? {});
  return React.createElement(GraphiQL, {
    fetcher,
    query,
    variables,
    headers,
    onEditQuery: setQuery,
    plugins: [explorer],
    defaultHeaders: token ? authorization(token) : '{\n  "Authorization": "Bearer "\n}',
    defaultQuery: WELCOME,
    defaultTabs: tabs.length ? tabs : undefined,
    defaultEditorToolsVisibility: token ? true : "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    storage: sessionStorage,
  });
}

(async () => {
  const given = givenToken();
  const session = await demoSession();
  const token = given ?? session?.investorToken ?? localStorage.getItem(STORED);
  ReactDOM.render(React.createElement(App, { session, token }), document.getElementById("graphiql"));
})();
