/** End-to-end encryption: keys of devices and users, one-time keys, key backups, dehydrated devices. */
export const up = (): readonly string[] => [
  // The identity keys of a device as uploaded, with every signature of its owner's keys, in canonical JSON.
  `create table device_keys (
     user_id text not null,
     device_id text not null,
     keys text not null,
     primary key (user_id, device_id)
   )`,
  `create table cross_signing_keys (
     user_id text not null,
     -- master, self_signing or user_signing
     usage text not null,
     public_key text not null,
     -- as uploaded, with every signature of the owner's keys, in canonical JSON
     keys text not null,
     primary key (user_id, usage)
   )`,
  // What a user's user-signing key says of somebody else's master key. Only the signer gets to see it.
  `create table user_signatures (
     signer_id text not null,
     user_id text not null,
     public_key text not null,
     -- key id → signature, as JSON
     signatures text not null,
     -- in the stream device_lists, for the signer alone
     stream_id bigint not null,
     primary key (signer_id, user_id)
   )`,
  'create index user_signatures_stream on user_signatures (signer_id, stream_id)',
  `create table one_time_keys (
     user_id text not null,
     device_id text not null,
     algorithm text not null,
     key_id text not null,
     -- the same for all keys of an upload, greater for those of a later one
     position bigint not null,
     key_json text not null,
     primary key (user_id, device_id, algorithm, key_id)
   )`,
  'create index one_time_keys_order on one_time_keys (user_id, device_id, algorithm, position, key_id)',
  `create table fallback_keys (
     user_id text not null,
     device_id text not null,
     algorithm text not null,
     key_id text not null,
     key_json text not null,
     used smallint not null default 0,
     primary key (user_id, device_id, algorithm)
   )`,
  // Requests that sent messages to devices: a repeated one sends nothing.
  `create table to_device_transactions (
     user_id text not null,
     session_id text not null,
     event_type text not null,
     txn_id text not null,
     ts bigint not null,
     primary key (user_id, session_id, event_type, txn_id)
   )`,
  'create index to_device_transactions_ts on to_device_transactions (ts)',
  `create table key_backups (
     user_id text not null,
     version bigint not null,
     algorithm text not null,
     auth_data text not null,
     etag bigint not null default 0,
     session_count bigint not null default 0,
     -- kept so that no version is given out twice
     deleted smallint not null default 0,
     primary key (user_id, version)
   )`,
  `create table key_backup_sessions (
     user_id text not null,
     version bigint not null,
     room_id text not null,
     session_id text not null,
     first_message_index bigint not null,
     forwarded_count bigint not null,
     is_verified smallint not null,
     session_data text not null,
     primary key (user_id, version, room_id, session_id)
   )`,
  // Its row in devices is hidden: nobody is logged in on it.
  `create table dehydrated_devices (user_id text primary key, device_id text not null, device_data text not null)`,
]
