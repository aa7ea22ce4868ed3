/** Signing keys: those of other servers, with the documents that vouch for them, and which our own server has had. */
export const up = (): readonly string[] => [
  `create table server_keys (
     server_name text not null,
     key_id text not null,
     public_key text not null,
     valid_until_ts bigint not null,
     -- when it stopped to sign, if it did
     expired_ts bigint,
     -- who gave the document: the server itself, or a notary
     source text not null,
     document text not null,
     primary key (server_name, key_id)
   )`,
  `create table own_keys (
     key_id text primary key,
     public_key text not null,
     -- when it stopped to sign; null for the one that signs
     retired_ts bigint
   )`,
]
