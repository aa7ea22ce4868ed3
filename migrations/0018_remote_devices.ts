/** Device lists across servers: those of other servers' users that are kept here, and what others are told of ours. */
export const up = (): readonly string[] => [
  // For devices of other servers' users: the name they tell. Names of devices here are in `devices`.
  'alter table device_keys add column display_name text',
  `create table remote_device_lists (
     user_id text primary key,
     -- the last update that is in the list; null if the list came without saying
     stream_id bigint,
     -- counts what made the list stale, so that who fetches it sees that it became so again meanwhile
     version bigint not null default 0,
     stale smallint not null,
     -- of fetching it, since it became stale
     failures bigint not null default 0,
     retry_ts bigint not null default 0
   )`,
  'create index remote_device_lists_stale on remote_device_lists (retry_ts) where stale = 1',
  // The last update of a user's list of devices that other servers were told: theirs are numbered from 1 for each user.
  'create table device_list_updates (user_id text primary key, stream_id bigint not null)',
  // Changes that other servers were not told yet.
  `create table untold_key_changes (
     user_id text not null,
     -- empty for the cross-signing keys of the user
     device_id text not null,
     changes bigint not null,
     primary key (user_id, device_id)
   )`,
]
