/** What pages say about themselves, kept so that a link in a busy room is looked up once. */
export const up = (): readonly string[] => [
  `create table url_previews (
     url text primary key,
     expires_ts bigint not null,
     -- the answer to clients, as JSON
     preview text not null
   )`,
  'create index url_previews_expiry on url_previews (expires_ts)',
]
