/** What belongs to users: account data, push rules, receipts, presence, messages to devices, changes of device lists. */
export const up = (): readonly string[] => [
  // How far a stream had come when rows of it were deleted: their ids must not be given out again.
  'create table stream_positions (stream text primary key, position bigint not null)',
  `create table account_data (
     user_id text not null,
     -- empty for what concerns no room
     room_id text not null,
     type text not null,
     content text not null,
     stream_id bigint not null,
     primary key (user_id, room_id, type)
   )`,
  'create index account_data_stream on account_data (stream_id)',
  'create index account_data_user on account_data (user_id, stream_id)',
  // A user's own rules and changes to the default ones, as one JSON document.
  'create table push_rules (user_id text primary key, rules text not null, stream_id bigint not null)',
  'create index push_rules_stream on push_rules (stream_id)',
  `create table receipts (
     room_id text not null,
     user_id text not null,
     receipt_type text not null,
     -- empty for an unthreaded receipt
     thread_id text not null,
     event_id text not null,
     -- the place of the event in the events stream, which tells older receipts from newer ones
     event_stream bigint not null,
     ts bigint not null,
     stream_id bigint not null,
     primary key (room_id, user_id, receipt_type, thread_id)
   )`,
  'create index receipts_stream on receipts (stream_id)',
  'create index receipts_room on receipts (room_id, stream_id)',
  `create table presence (
     user_id text primary key,
     state text not null,
     status_msg text,
     last_active_ts bigint not null,
     currently_active smallint not null,
     stream_id bigint not null
   )`,
  'create index presence_stream on presence (stream_id)',
  `create table to_device (
     stream_id bigint primary key,
     user_id text not null,
     device_id text not null,
     -- the event as the device gets it: content, sender, type
     event text not null
   )`,
  'create index to_device_device on to_device (user_id, device_id, stream_id)',
  'create table device_list_changes (stream_id bigint primary key, user_id text not null)',
  'create index device_list_changes_user on device_list_changes (user_id, stream_id)',
]
