/** Who may be met at the SFU, and where: its rooms and participants have names that say nothing. */
export const up = (): readonly string[] => [
  `create table call_rooms (
     sfu_room text primary key,
     room_id text not null,
     slot_id text not null,
     -- when somebody got a token for it, the last time
     used_ts bigint not null
   )`,
  'create index call_rooms_used on call_rooms (used_ts)',
  `create table call_identities (
     sfu_room text not null,
     identity text not null,
     room_id text not null,
     user_id text not null,
     device_id text,
     member_id text,
     issued_ts bigint not null,
     primary key (sfu_room, identity)
   )`,
  'create index call_identities_user on call_identities (user_id, issued_ts)',
  'create index call_identities_issued on call_identities (issued_ts)',
  // delayed events that the server keeps back for as long as somebody is in a call
  `create table call_leaves (
     sfu_room text not null,
     identity text not null,
     delay_id text not null unique,
     delay_ms bigint not null,
     -- 1 since the SFU has seen them
     connected integer not null,
     primary key (sfu_room, identity)
   )`,
]
