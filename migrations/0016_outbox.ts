/** What other servers are still to be sent, and how it goes with each of them. */
export const up = (): readonly string[] => [
  `create table federation_outbox (
     destination text not null,
     -- 0 an event, 1 an EDU
     kind smallint not null,
     -- in the order of which they are sent
     id bigint not null,
     event_nid bigint,
     -- as canonical JSON
     edu text,
     -- of several with one key the last is enough, when too much waits
     item_key text,
     primary key (destination, kind, id)
   )`,
  `create table federation_destinations (
     server_name text primary key,
     failures bigint not null default 0,
     failing_since bigint,
     retry_at bigint,
     last_error text,
     last_success bigint,
     -- how far the transaction that failed goes, in the events and in the EDUs: it is repeated as it was
     event_upto bigint,
     edu_upto bigint
   )`,
  'create index federation_destinations_failing on federation_destinations (retry_at) where retry_at is not null',
]
