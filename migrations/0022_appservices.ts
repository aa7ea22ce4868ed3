/** How far application services have been told, and the rooms they list in directories of their own. */
export const up = (): readonly string[] => [
  `create table appservice_progress (
     appservice_id text primary key,
     -- the id of its latest transaction
     txn_id bigint not null,
     -- what transactions up to that one have taken from the streams
     events bigint not null,
     receipts bigint not null,
     presence bigint not null,
     to_device bigint not null,
     device_lists bigint not null,
     -- the latest transaction, until it is taken: the places of its events in the stream, as JSON, and its other members
     txn_events text,
     txn_members text
   )`,
  `create table appservice_rooms (
     appservice_id text not null,
     network_id text not null,
     room_id text not null,
     primary key (appservice_id, network_id, room_id)
   )`,
]
