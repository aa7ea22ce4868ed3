/** Files that people upload, their thumbnails, and ids that were handed out before the file came. */
export const up = (): readonly string[] => [
  `create table media (
     server_name text not null,
     media_id text not null,
     -- null for what came from another server
     user_id text,
     created_ts bigint not null,
     -- set while the file has not come: until when it may
     expires_ts bigint,
     -- set when it has come: the name in the store, and what is there
     storage_key text unique,
     content_type text,
     file_name text,
     size bigint,
     sha256 text,
     primary key (server_name, media_id)
   )`,
  'create index media_pending on media (user_id, expires_ts) where expires_ts is not null',
  'create index media_user on media (user_id, created_ts)',
  // Width and height 0 stand for the full size. Without a storage key the file itself serves as this thumbnail.
  `create table media_thumbnails (
     server_name text not null,
     media_id text not null,
     width integer not null,
     height integer not null,
     method text not null,
     animated smallint not null,
     storage_key text unique,
     content_type text not null,
     size bigint not null,
     sha256 text not null,
     primary key (server_name, media_id, width, height, method, animated),
     foreign key (server_name, media_id) references media (server_name, media_id) on delete cascade
   )`,
]
