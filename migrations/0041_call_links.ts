/** Links by which guests come into the call of one room, and the guests who are there. */
export const up = (): readonly string[] => [
  `create table call_links (
     token text primary key,
     room_id text not null,
     -- the member who invites by it
     user_id text not null,
     created_ts bigint not null,
     expires_ts bigint not null,
     -- null: any number
     uses_allowed bigint,
     uses bigint not null default 0
   )`,
  'create index call_links_room on call_links (room_id, created_ts)',
  'create index call_links_user on call_links (user_id)',
  'create index call_links_expires on call_links (expires_ts)',
  `create table call_guests (
     user_id text primary key,
     -- of what the page of the guest shows, to end the stay
     key_hash text not null unique,
     token text not null,
     room_id text not null,
     created_ts bigint not null,
     expires_ts bigint not null,
     -- the event by which they leave the call; null before they are in it
     delay_id text
   )`,
  'create index call_guests_token on call_guests (token)',
]
