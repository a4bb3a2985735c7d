-- Investors' accounts. Who the owner is as a person is not here: owner_id is a reference to the identity room.

CREATE TABLE account (
  id         uuid PRIMARY KEY,
  tenant_id  uuid NOT NULL REFERENCES tenant,
  owner_id   uuid NOT NULL,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
  status     text NOT NULL CHECK (status IN ('ACTIVE', 'CLOSED')),
  journal_id integer NOT NULL,
  book_id    bigint NOT NULL UNIQUE,
  opened_at  timestamptz NOT NULL
);
CREATE INDEX account_owner ON account (owner_id, id);
CALL isolate_by_tenant('account');
