/** Pushers that tell browsers, by way of the push service of each: they begin when the browser has shown that it hears. */
export const up = (): readonly string[] => [
  `alter table pushers add column kind text not null default 'http'`,
  `update pushers set kind = 'email' where app_id = 'm.email'`,
  // Of what the browser was sent and has to say, as SHA-256; null once it has, and for other kinds.
  'alter table pushers add column ack_hash text',
  'alter table pushers add column ack_expires_ts bigint',
]
