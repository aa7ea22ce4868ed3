/** Calls that were, and who took part in them from when to when. */
export const up = (): readonly string[] => [
  `create table call_history (
     call_id text primary key,
     room_id text not null,
     slot_id text not null,
     started_ts bigint not null,
     -- null while somebody is in it
     ended_ts bigint
   )`,
  'create index call_history_room on call_history (room_id, started_ts)',
  'create index call_history_ended on call_history (ended_ts)',
  `create table call_stays (
     call_id text not null references call_history (call_id),
     user_id text not null,
     joined_ts bigint not null,
     left_ts bigint,
     -- 1 while our SFU has them, and when it was seen to have them last
     at_sfu smallint not null,
     seen_ts bigint,
     -- how often they were gone for a moment and came back
     returns integer not null,
     -- of the last connection, as the SFU tells it
     end_reason text,
     primary key (call_id, user_id, joined_ts)
   )`,
  'create index call_stays_user on call_stays (user_id, joined_ts)',
]
