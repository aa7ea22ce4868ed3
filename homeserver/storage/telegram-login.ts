/** Login pages that wait for a Telegram user, the codes for them, and what is counted against guessing. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface TelegramLogin {
  readonly loginId: string
  readonly purpose: 'login' | 'link'
  readonly icon: number
  readonly network: string
  readonly userAgent: string
  /** Who has claimed it in Telegram. */
  readonly tgUser: string | undefined
  /** asked: the owner of the code is asked in Telegram whether it is them. proved: through. */
  readonly state: 'pending' | 'asked' | 'confirmed' | 'proved' | 'dead'
  readonly createdTs: number
  readonly expiresTs: number
}

interface LoginRow {
  login_id: string
  purpose: TelegramLogin['purpose']
  icon: number
  network: string
  user_agent: string
  tg_user: string | null
  state: TelegramLogin['state']
  created_ts: number
  expires_ts: number
}

function loginOf(row: LoginRow): TelegramLogin {
  return {
    loginId: row.login_id,
    purpose: row.purpose,
    icon: row.icon,
    network: row.network,
    userAgent: row.user_agent,
    tgUser: row.tg_user ?? undefined,
    state: row.state,
    createdTs: row.created_ts,
    expiresTs: row.expires_ts,
  }
}

export interface NewLogin extends Pick<
  TelegramLogin,
  'loginId' | 'purpose' | 'icon' | 'network' | 'userAgent' | 'createdTs' | 'expiresTs'
> {
  readonly cookieHash: string
  readonly nonceHash: string
  readonly triesLeft: number
}

export async function addLogin(tx: Tx, login: NewLogin): Promise<void> {
  await tx.run(
    `insert into telegram_logins (login_id, cookie_hash, purpose, nonce_hash, icon, network, user_agent, state,
       tries_left, created_ts, expires_ts) values (?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?, ?)`,
    [
      login.loginId,
      login.cookieHash,
      login.purpose,
      login.nonceHash,
      login.icon,
      login.network,
      login.userAgent,
      login.triesLeft,
      login.createdTs,
      login.expiresTs,
    ],
  )
}

export async function findLogin(
  conn: Conn,
  by: { readonly loginId: string } | { readonly nonceHash: string },
): Promise<TelegramLogin | undefined> {
  const [column, value] = 'loginId' in by ? ['login_id', by.loginId] : ['nonce_hash', by.nonceHash]
  const row = await conn.row<LoginRow>(`select * from telegram_logins where ${column} = ?`, [value])
  return row && loginOf(row)
}

/** The page that is open in the browser with this cookie. */
export async function findLoginOf(
  conn: Conn,
  { cookieHash, purpose, now }: { cookieHash: string; purpose: TelegramLogin['purpose']; now: number },
): Promise<TelegramLogin | undefined> {
  const row = await conn.row<LoginRow>(
    `select * from telegram_logins where cookie_hash = ? and purpose = ? and expires_ts > ?
       and state in ('pending', 'asked', 'confirmed') order by created_ts desc limit 1`,
    [cookieHash, purpose, now],
  )
  return row && loginOf(row)
}

/** The pages that nobody has claimed. */
export async function listFreeLogins(conn: Conn, now: number): Promise<TelegramLogin[]> {
  const rows = await conn.rows<LoginRow>(
    `select * from telegram_logins where state = 'pending' and tg_user is null and expires_ts > ?`,
    [now],
  )
  return rows.map(loginOf)
}

/** The last page that the user came through. */
export async function findProvedLogin(conn: Conn, tgUser: string): Promise<TelegramLogin | undefined> {
  const row = await conn.row<LoginRow>(
    `select * from telegram_logins where tg_user = ? and state = 'proved' order by created_ts desc limit 1`,
    [tgUser],
  )
  return row && loginOf(row)
}

/** What is proved later is none of these. */
export async function forgetProvedLogins(tx: Tx, tgUser: string): Promise<void> {
  await tx.run(`update telegram_logins set state = 'dead' where tg_user = ? and state = 'proved'`, [tgUser])
}

/** False if somebody else has claimed it, or it is over. */
export async function claimLogin(tx: Tx, loginId: string, tgUser: string): Promise<boolean> {
  const changed = await tx.run(
    `update telegram_logins set tg_user = ?
       where login_id = ? and state = 'pending' and (tg_user is null or tg_user = ?)`,
    [tgUser, loginId, tgUser],
  )
  return changed === 1
}

export async function setLoginState(
  tx: Tx,
  loginId: string,
  { from, to }: { readonly from: readonly TelegramLogin['state'][]; readonly to: TelegramLogin['state'] },
): Promise<boolean> {
  const marks = from.map(() => '?').join(', ')
  const changed = await tx.run(`update telegram_logins set state = ? where login_id = ? and state in (${marks})`, [
    to,
    loginId,
    ...from,
  ])
  return changed === 1
}

/** Takes one try; gives how many are left, undefined if there was none. */
export async function takeTry(tx: Tx, loginId: string): Promise<number | undefined> {
  const row = await tx.row<{ tries_left: number }>(
    `update telegram_logins set tries_left = tries_left - 1
       where login_id = ? and tries_left > 0 and state = 'pending' returning tries_left`,
    [loginId],
  )
  return row?.tries_left
}

export interface TelegramCode {
  readonly codeId: string
  readonly codeHmac: string
  readonly tgUser: string
  readonly loginId: string | undefined
  readonly state: 'live' | 'typed' | 'used' | 'revoked'
  readonly issuedTs: number
  readonly expiresTs: number
}

interface CodeRow {
  code_id: string
  code_hmac: string
  tg_user: string
  login_id: string | null
  state: TelegramCode['state']
  issued_ts: number
  expires_ts: number
}

function codeOf(row: CodeRow): TelegramCode {
  return {
    codeId: row.code_id,
    codeHmac: row.code_hmac,
    tgUser: row.tg_user,
    loginId: row.login_id ?? undefined,
    state: row.state,
    issuedTs: row.issued_ts,
    expiresTs: row.expires_ts,
  }
}

export async function addCode(tx: Tx, code: TelegramCode): Promise<void> {
  await tx.run(
    `insert into telegram_login_codes (code_id, code_hmac, tg_user, login_id, state, issued_ts, expires_ts)
       values (?, ?, ?, ?, ?, ?, ?)`,
    [code.codeId, code.codeHmac, code.tgUser, code.loginId ?? null, code.state, code.issuedTs, code.expiresTs],
  )
}

export async function findCode(conn: Conn, codeId: string): Promise<TelegramCode | undefined> {
  const row = await conn.row<CodeRow>('select * from telegram_login_codes where code_id = ?', [codeId])
  return row && codeOf(row)
}

/** The codes that are good now: for a page, for any page, or of a user. */
export async function listLiveCodes(
  conn: Conn,
  by: { readonly loginId: string } | { readonly openHmac: string } | { readonly tgUser: string },
  now: number,
): Promise<TelegramCode[]> {
  const [condition, value] =
    'loginId' in by
      ? ['login_id = ?', by.loginId]
      : 'openHmac' in by
        ? ['login_id is null and code_hmac = ?', by.openHmac]
        : ['tg_user = ?', by.tgUser]
  const rows = await conn.rows<CodeRow>(
    `select * from telegram_login_codes where ${condition} and state = 'live' and expires_ts > ?`,
    [value, now],
  )
  return rows.map(codeOf)
}

/** False if the code was not in that state any more: of two who come at once, one wins. */
export async function setCodeState(
  tx: Tx,
  codeId: string,
  { from, to, loginId }: { from: TelegramCode['state']; to: TelegramCode['state']; loginId?: string },
): Promise<boolean> {
  const changed = await tx.run(
    'update telegram_login_codes set state = ?, login_id = coalesce(?, login_id) where code_id = ? and state = ?',
    [to, loginId ?? null, codeId, from],
  )
  return changed === 1
}

/** When the user got codes since then, the latest first. */
export async function listIssued(conn: Conn, tgUser: string, since: number): Promise<number[]> {
  const rows = await conn.rows<{ issued_ts: number }>(
    'select issued_ts from telegram_login_codes where tg_user = ? and issued_ts > ? order by issued_ts desc',
    [tgUser, since],
  )
  return rows.map((row) => row.issued_ts)
}

export async function setMatch(tx: Tx, tgUser: string, choices: readonly number[], expiresTs: number): Promise<void> {
  await tx.run(
    `insert into telegram_login_matches (tg_user, choices, expires_ts) values (?, ?, ?)
       on conflict (tg_user) do update set choices = excluded.choices, expires_ts = excluded.expires_ts`,
    [tgUser, JSON.stringify(choices), expiresTs],
  )
}

/** Uses it up. */
export async function takeMatch(tx: Tx, tgUser: string, now: number): Promise<readonly number[] | undefined> {
  const row = await tx.row<{ choices: string; expires_ts: number }>(
    'delete from telegram_login_matches where tg_user = ? returning choices, expires_ts',
    [tgUser],
  )
  return row && row.expires_ts > now ? (JSON.parse(row.choices) as number[]) : undefined // written by `setMatch`
}

export async function addTry(tx: Tx, kind: string, countedFor: string, ts: number): Promise<void> {
  await tx.run('insert into telegram_login_tries (kind, counted_for, ts) values (?, ?, ?)', [kind, countedFor, ts])
}

/** How many there were since then, and the time of the first. */
export async function countTries(
  conn: Conn,
  kind: string,
  countedFor: string,
  since: number,
): Promise<{ readonly count: number; readonly firstTs: number }> {
  const row = await conn.row<{ count: number; first_ts: number | null }>(
    'select count(*) as count, min(ts) as first_ts from telegram_login_tries where kind = ? and counted_for = ? and ts > ?',
    [kind, countedFor, since],
  )
  return { count: Number(row?.count ?? 0), firstTs: row?.first_ts ?? since }
}

export async function shutOut(tx: Tx, tgUser: string, network: string, untilTs: number): Promise<void> {
  await tx.run(
    `insert into telegram_login_shut_out (tg_user, network, until_ts) values (?, ?, ?)
       on conflict (tg_user, network) do update set until_ts = excluded.until_ts`,
    [tgUser, network, untilTs],
  )
}

export async function isShutOut(conn: Conn, tgUser: string, network: string, now: number): Promise<boolean> {
  const row = await conn.row(
    'select 1 from telegram_login_shut_out where tg_user = ? and network = ? and until_ts > ?',
    [tgUser, network, now],
  )
  return row !== undefined
}

export async function addLink(tx: Tx, nonceHash: string, userId: UserId, expiresTs: number): Promise<void> {
  await tx.run('delete from telegram_login_links where user_id = ?', [userId])
  await tx.run('insert into telegram_login_links (nonce_hash, user_id, expires_ts) values (?, ?, ?)', [
    nonceHash,
    userId,
    expiresTs,
  ])
}

/** The Matrix user of the link, if nobody else has opened it. */
export async function openLink(tx: Tx, nonceHash: string, tgUser: string, now: number): Promise<UserId | undefined> {
  const row = await tx.row<{ user_id: UserId }>(
    `update telegram_login_links set tg_user = ? where nonce_hash = ? and (tg_user is null or tg_user = ?) and expires_ts > ?
       returning user_id`,
    [tgUser, nonceHash, tgUser, now],
  )
  return row?.user_id
}

export async function removeLink(tx: Tx, nonceHash: string): Promise<void> {
  await tx.run('delete from telegram_login_links where nonce_hash = ?', [nonceHash])
}

/** Uses the link up that this user has opened. */
export async function takeLink(tx: Tx, nonceHash: string, tgUser: string, now: number): Promise<UserId | undefined> {
  const row = await tx.row<{ user_id: UserId }>(
    'delete from telegram_login_links where nonce_hash = ? and tg_user = ? and expires_ts > ? returning user_id',
    [nonceHash, tgUser, now],
  )
  return row?.user_id
}

/** Forgets what is over. */
export async function sweepTelegramLogins(tx: Tx, { now, dayAgo }: { now: number; dayAgo: number }): Promise<void> {
  await tx.run('delete from telegram_logins where expires_ts <= ?', [dayAgo])
  await tx.run('delete from telegram_login_codes where issued_ts <= ?', [dayAgo])
  await tx.run('delete from telegram_login_tries where ts <= ?', [dayAgo])
  await tx.run('delete from telegram_login_events where created_ts <= ?', [dayAgo])
  await tx.run('delete from telegram_login_matches where expires_ts <= ?', [now])
  await tx.run('delete from telegram_login_shut_out where until_ts <= ?', [now])
  await tx.run('delete from telegram_login_links where expires_ts <= ?', [now])
  await tx.run(
    `delete from telegram_login_people where seen_ts <= ? and login_enabled = 1 and not exists
       (select 1 from external_ids e where e.provider = 'telegram' and e.subject = telegram_login_people.tg_user)`,
    [dayAgo],
  )
}
