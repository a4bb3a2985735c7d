"""The GraphQL schema: one file per domain. It declares; resolvers fetch; app decides."""
