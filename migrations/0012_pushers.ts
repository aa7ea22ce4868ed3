/** Where users want to be told of what happens while they are away, and how far they have been told. */
export const up = (dialect: string): readonly string[] => [
  `create table pushers (
     id ${dialect === 'sqlite' ? 'integer primary key autoincrement' : 'bigint generated always as identity primary key'},
     user_id text not null,
     app_id text not null,
     pushkey text not null,
     -- the session it ends with; null if an application service made it
     device_id text,
     app_display_name text not null,
     device_display_name text not null,
     profile_tag text,
     lang text not null,
     -- what the client gave for the gateway, with its URL, as JSON
     data text not null,
     enabled smallint not null default 1,
     set_ts bigint not null,
     -- the last place in the events stream of which the gateway was told
     position bigint not null,
     -- the unread count it was told last
     badge bigint not null default 0,
     -- since when it could not be told; null while all is well
     failing_since bigint,
     unique (user_id, app_id, pushkey)
   )`,
  'create index pushers_key on pushers (app_id, pushkey)',
  // Everything at or below has been told to all pushers that are not failing. One row.
  'create table push_progress (id smallint primary key, position bigint not null)',
]
