/** What Telegram's login widget has signed and was taken: nobody comes in by it once more. */
export const up = (): readonly string[] => [
  'create table telegram_used_proofs (hash text primary key, expires_ts bigint not null)',
]
