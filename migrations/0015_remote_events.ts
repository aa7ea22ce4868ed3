/** Events of other servers: those that wait, and what is known of rooms we are not in. docs/federation.md, "Receiving". */
export const up = (): readonly string[] => [
  // Redactions of events that are not here yet.
  `create table early_redactions (
     target_id text not null,
     redaction_id text not null,
     primary key (target_id, redaction_id)
   )`,
  // The state that came with an invitation or the answer to a knock, as a JSON list of stripped events.
  'create table stripped_states (event_nid bigint primary key references events (nid), state text not null)',
  'create index backward_extremities_child on backward_extremities (child_id)',
  // PDUs that are answered for and not yet in their rooms, in the order of their coming.
  `create table staged_pdus (
     staged_id bigint primary key,
     room_id text not null,
     event_id text not null,
     origin text not null,
     json text not null
   )`,
  'create index staged_pdus_room on staged_pdus (room_id, staged_id)',
  // Transactions of other servers that are answered, for those that come again.
  `create table received_transactions (
     origin text not null,
     txn_id text not null,
     answer text not null,
     received_ts bigint not null,
     primary key (origin, txn_id)
   )`,
  'create index received_transactions_ts on received_transactions (received_ts)',
]
