/** What administrators have done. Rows are only ever added: no code, and no slip of a hand in SQL, changes one. */
import type { Dialect } from '../homeserver/storage/database.ts'

export const up = (dialect: Dialect): readonly string[] => [
  `create table audit_log (
     id bigint primary key,
     ts bigint not null,
     -- a user id; the command line acts as the server's own user
     actor text not null,
     ip text not null,
     -- method and path as they are declared
     action text not null,
     -- what the path and the body named, without secrets, as JSON
     details text not null,
     -- why it was refused; null: it was done
     errcode text
   )`,
  ...(dialect === 'sqlite'
    ? ['update', 'delete'].map(
        (change) => `create trigger audit_log_${change} before ${change} on audit_log
           begin select raise(abort, 'the audit log is append-only'); end`,
      )
    : ['update', 'delete'].map(
        (change) => `create rule audit_log_${change} as on ${change} to audit_log do instead nothing`,
      )),
]
