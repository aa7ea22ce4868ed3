/** Events that clients left here to be sent later. https://github.com/matrix-org/matrix-spec-proposals/pull/4140 */
export const up = (): readonly string[] => [
  `create table delayed_events (
     delay_id text primary key,
     user_id text not null,
     -- the session that asked, and under which transaction id
     device text not null,
     txn_id text,
     room_id text not null,
     type text not null,
     -- null for messages
     state_key text,
     content text not null,
     delay_ms bigint not null,
     sticky_ms bigint,
     -- since when the time runs, and when it is over: later than since_ts + delay_ms after a failure and after a start
     since_ts bigint not null,
     fire_ts bigint not null,
     attempts integer not null default 0,
     -- null while the event waits
     finalised_ts bigint,
     outcome text,
     event_id text,
     -- the refusal, as JSON
     error text
   )`,
  'create unique index delayed_events_txn on delayed_events (user_id, device, room_id, txn_id)',
  'create index delayed_events_due on delayed_events (fire_ts) where finalised_ts is null',
  'create index delayed_events_user on delayed_events (user_id, fire_ts) where finalised_ts is null',
  'create index delayed_events_state on delayed_events (room_id) where finalised_ts is null and state_key is not null',
  'create index delayed_events_finalised on delayed_events (user_id, finalised_ts) where finalised_ts is not null',
]
