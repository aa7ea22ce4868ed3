/** E-mail addresses and telephone numbers of users, and those that are being proved. */
export const up = (): readonly string[] => [
  `create table user_threepids (
     medium text not null,
     address text not null,
     user_id text not null references accounts (user_id),
     validated_ts bigint not null,
     added_ts bigint not null,
     primary key (medium, address)
   )`,
  'create index user_threepids_user on user_threepids (user_id)',
  `create table threepid_validations (
     sid text primary key,
     -- register, password or add: what may be done with it
     purpose text not null,
     medium text not null,
     address text not null,
     client_secret text not null,
     send_attempt bigint not null,
     -- how many were sent
     messages integer not null,
     next_link text,
     -- of the link in the e-mail, or of the code in the message
     token_hash text not null,
     tries_left integer not null,
     created_ts bigint not null,
     expires_ts bigint not null,
     validated_ts bigint
   )`,
  'create unique index threepid_validations_request on threepid_validations (purpose, medium, address, client_secret)',
  'create index threepid_validations_token on threepid_validations (token_hash)',
  'create index threepid_validations_address on threepid_validations (medium, address, created_ts)',
  'create index threepid_validations_expires on threepid_validations (expires_ts)',
]
