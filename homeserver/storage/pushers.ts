/** Pushers, and how far each has told its gateway of the events stream. */
import type { JsonObject } from '../core/event.ts'
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

/** What names a pusher; users may share a pushkey, as people share a telephone. */
export interface PusherKey {
  readonly userId: UserId
  readonly appId: string
  readonly pushkey: string
}

/** `webpush`: a browser, by its push service. */
export type PusherKind = 'http' | 'email' | 'webpush'

export interface PusherSettings extends PusherKey {
  readonly kind: PusherKind
  /** The session it ends with. */
  readonly deviceId: DeviceId | undefined
  readonly appDisplayName: string
  readonly deviceDisplayName: string
  readonly profileTag: string | undefined
  readonly lang: string
  readonly data: PusherData
  readonly enabled: boolean
  readonly setTs: number
  /** It is told nothing before the app has shown that it hears. */
  readonly awaited: AwaitedAck | undefined
}

/** What the app has to say until then. */
interface AwaitedAck {
  readonly hash: string
  readonly expiresTs: number
}

/** With the `url` of a push gateway, or that of a browser's subscription and its secret, unless it tells by e-mail. */
export type PusherData = JsonObject & { readonly url?: string; readonly auth?: string }

/** The app of pushers that tell by e-mail, to the address that is their pushkey. No other has it. */
export const emailAppId = 'm.email'

export interface PusherProgress {
  readonly id: number
  /** The last place in the events stream of which the gateway was told. */
  readonly position: number
  /** The unread count it was told last. */
  readonly badge: number
  /** Since when it could not be told. */
  readonly failingSince: number | undefined
}

export type Pusher = PusherSettings & PusherProgress

interface Row {
  readonly id: number
  readonly user_id: UserId
  readonly app_id: string
  readonly pushkey: string
  readonly kind: PusherKind
  readonly ack_hash: string | null
  readonly ack_expires_ts: number | null
  readonly device_id: DeviceId | null
  readonly app_display_name: string
  readonly device_display_name: string
  readonly profile_tag: string | null
  readonly lang: string
  readonly data: string
  readonly enabled: number
  readonly set_ts: number
  readonly position: number
  readonly badge: number
  readonly failing_since: number | null
}

const settings =
  'user_id, app_id, pushkey, kind, device_id, app_display_name, device_display_name, profile_tag, lang, data, enabled, ' +
  'set_ts, ack_hash, ack_expires_ts'
/** Those that are told of anything. */
const atWork = 'enabled = 1 and ack_hash is null'
const progress = 'id, position, badge, failing_since'

/**
 * Adds a pusher or replaces its settings. It begins at `position`; one that was there and enabled goes on where it was,
 * and is tried anew.
 */
export async function setPusher(tx: Tx, pusher: PusherSettings, position: number): Promise<void> {
  await tx.run(
    `insert into pushers (${settings}, position) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (user_id, app_id, pushkey) do update set
         kind = excluded.kind, device_id = excluded.device_id, app_display_name = excluded.app_display_name,
         device_display_name = excluded.device_display_name, profile_tag = excluded.profile_tag,
         lang = excluded.lang, data = excluded.data, enabled = excluded.enabled, set_ts = excluded.set_ts,
         ack_hash = excluded.ack_hash, ack_expires_ts = excluded.ack_expires_ts,
         position = case when pushers.enabled = 1 then pushers.position else excluded.position end`,
    [
      pusher.userId,
      pusher.appId,
      pusher.pushkey,
      pusher.kind,
      pusher.deviceId ?? null,
      pusher.appDisplayName,
      pusher.deviceDisplayName,
      pusher.profileTag ?? null,
      pusher.lang,
      JSON.stringify(pusher.data),
      Number(pusher.enabled),
      pusher.setTs,
      pusher.awaited?.hash ?? null,
      pusher.awaited?.expiresTs ?? null,
      position,
    ],
  )
}

export async function findPusher(conn: Conn, { userId, appId, pushkey }: PusherKey): Promise<Pusher | undefined> {
  const row = await conn.row<Row>(
    `select ${settings}, ${progress} from pushers where user_id = ? and app_id = ? and pushkey = ?`,
    [userId, appId, pushkey],
  )
  return row && parse(row)
}

/** In the order in which they were made. */
export async function listPushers(conn: Conn, userId: UserId): Promise<Pusher[]> {
  const rows = await conn.rows<Row>(`select ${settings}, ${progress} from pushers where user_id = ? order by id`, [
    userId,
  ])
  return rows.map(parse)
}

export function isAtWork({ enabled, awaited }: Pusher): boolean {
  return enabled && !awaited
}

export async function countPushers(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from pushers where user_id = ?', [userId])
  return row?.count ?? 0
}

/** How many are at work, how many of them could not tell their gateway, and since when the first of these. */
export async function countFailingPushers(
  conn: Conn,
): Promise<{ readonly pushers: number; readonly failing: number; readonly since: number | undefined }> {
  const row = await conn.row<{ pushers: number; failing: number; since: number | null }>(
    `select count(*) as pushers, count(failing_since) as failing, min(failing_since) as since
       from pushers where ${atWork}`,
  )
  return { pushers: row?.pushers ?? 0, failing: row?.failing ?? 0, since: row?.since ?? undefined }
}

/** Those of all users who are told of anything. */
export async function listPushingUsers(conn: Conn): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(`select distinct user_id from pushers where ${atWork}`)
  return rows.map((row) => row.user_id)
}

/** Those with pushers that could not tell their gateways when they last tried. */
export async function listFailingUsers(conn: Conn): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(
    `select distinct user_id from pushers where ${atWork} and failing_since is not null`,
  )
  return rows.map((row) => row.user_id)
}

/** The app has shown that it hears: from `position` on it is told. */
export async function activatePusher(tx: Tx, id: number, position: number): Promise<void> {
  await tx.run('update pushers set ack_hash = null, ack_expires_ts = null, position = ? where id = ?', [position, id])
}

export async function removePusher(tx: Tx, { userId, appId, pushkey }: PusherKey): Promise<void> {
  await tx.run('delete from pushers where user_id = ? and app_id = ? and pushkey = ?', [userId, appId, pushkey])
}

/** False if it is not there any more as it was set at that time. */
export async function removePusherSetAt(tx: Tx, { id, setTs }: Pick<Pusher, 'id' | 'setTs'>): Promise<boolean> {
  return (await tx.run('delete from pushers where id = ? and set_ts = ?', [id, setTs])) > 0
}

/** Takes a pushkey away from everybody else, and gives those who had it. */
export async function removePushersOfOthers(tx: Tx, { userId, appId, pushkey }: PusherKey): Promise<UserId[]> {
  const rows = await tx.rows<{ user_id: UserId }>(
    'delete from pushers where app_id = ? and pushkey = ? and user_id <> ? returning user_id',
    [appId, pushkey, userId],
  )
  return rows.map((row) => row.user_id)
}

/** True if there were any. */
export async function removePushersOfDevices(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<boolean> {
  const removed = await rowsIn(
    tx,
    'delete from pushers where user_id = ? and device_id in (?) returning id',
    deviceIds,
    {
      before: [userId],
    },
  )
  return removed.length > 0
}

/** True if there were any. */
export async function removePushersOfUser(tx: Tx, userId: UserId): Promise<boolean> {
  return (await tx.run('delete from pushers where user_id = ?', [userId])) > 0
}

export async function setPusherProgress(tx: Tx, steps: readonly PusherProgress[]): Promise<void> {
  for (const { id, position, badge, failingSince } of steps) {
    await tx.run('update pushers set position = ?, badge = ?, failing_since = ? where id = ?', [
      position,
      badge,
      failingSince ?? null,
      id,
    ])
  }
}

/**
 * From where on events may not have been told to pushers that do not fail: where the progress was last kept, and not
 * before all of them were made. Undefined if there is none.
 */
export async function findPushStart(conn: Conn): Promise<number | undefined> {
  const row = await conn.row<{ first: number | null; kept: number | null }>(
    `select (select min(position) from pushers where ${atWork}) as first,
            (select position from push_progress where id = 1) as kept`,
  )
  return row && row.first !== null ? Math.max(row.first, row.kept ?? 0) : undefined
}

export async function keepPushProgress(tx: Tx, position: number): Promise<void> {
  await tx.run(
    `insert into push_progress (id, position) values (1, ?) on conflict (id) do update set position = excluded.position`,
    [position],
  )
}

function parse(row: Row): Pusher {
  return {
    id: row.id,
    userId: row.user_id,
    appId: row.app_id,
    pushkey: row.pushkey,
    kind: row.kind,
    awaited: row.ack_hash === null ? undefined : { hash: row.ack_hash, expiresTs: row.ack_expires_ts ?? 0 },
    deviceId: row.device_id ?? undefined,
    appDisplayName: row.app_display_name,
    deviceDisplayName: row.device_display_name,
    profileTag: row.profile_tag ?? undefined,
    lang: row.lang,
    data: JSON.parse(row.data) as PusherData, // written by setPusher
    enabled: row.enabled === 1,
    setTs: row.set_ts,
    position: row.position,
    badge: row.badge,
    failingSince: row.failing_since ?? undefined,
  }
}
