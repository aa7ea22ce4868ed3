/** What a passkey says about copies of itself. https://www.w3.org/TR/webauthn-3/#sctn-credential-backup */
export const up = (): readonly string[] => [
  // Whether it may be copied to other devices of its owner: this never changes.
  'alter table passkeys add column backup_eligible smallint not null default 0',
  // Whether it has been, when it was last used.
  'alter table passkeys add column backed_up smallint not null default 0',
]
