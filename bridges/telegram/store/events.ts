/** Events of Matrix, from when they are taken until they are in Telegram. */
import type { Conn, Tx } from '../../appservice/database.ts'

/** How many of somebody's that were given up are sent again at once. */
const MAX_OWN = 500

export interface StoredEvent {
  readonly event_id: string
  readonly seq: number
  readonly room_id: string
  readonly json: string
  readonly received_at: number
  readonly attempts: number
  /** Why the last attempt failed. */
  readonly error: string | null
  /** Parts of a long message that Telegram has. */
  readonly sent_parts: number
  /** Not 0: whether Telegram got the next part is not known; if so, its message has this number or a greater one. */
  readonly is_sending: number
  /** When it was made to wait again, after it had been given up or parked. */
  readonly waits_from: number | null
  /** What its room was when it was found to be the first that waits. */
  readonly portal_state: string | null
}

export interface NewEvent {
  readonly eventId: string
  readonly roomId: string
  readonly json: string
}

/** Keeps those that were not here before, in their order. Gives the rooms that have something new. */
export async function addEvents(tx: Tx, events: readonly NewEvent[], now: number): Promise<Set<string>> {
  const last = await tx.row<{ seq: number | null }>('select max(seq) as seq from telegram_events')
  let seq = Number(last?.seq ?? 0)
  const rooms = new Set<string>()
  for (const { eventId, roomId, json } of events) {
    const added = await tx.run(
      `insert into telegram_events (event_id, seq, room_id, json, received_at, state) values (?, ?, ?, ?, ?, 'waiting')
        on conflict do nothing`,
      [eventId, ++seq, roomId, json, now],
    )
    if (added > 0) rooms.add(roomId)
  }
  return rooms
}

export async function firstEvent(conn: Conn, roomId: string): Promise<StoredEvent | undefined> {
  return await conn.row<StoredEvent>(
    `select event_id, seq, e.room_id, json, received_at, attempts, e.error, sent_parts, is_sending, waits_from, p.state as portal_state
      from telegram_events e left join telegram_portals p on p.room_id = e.room_id
      where e.room_id = ? and e.state = 'waiting' order by seq limit 1`,
    [roomId],
  )
}

export async function eventLanes(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<{ room_id: string }>(
    `select distinct room_id from telegram_events where state = 'waiting'`,
  )
  return rows.map(({ room_id: roomId }) => roomId)
}

/** `oldest`: when the first of those came that wait. */
export async function countEvents(
  conn: Conn,
): Promise<{ waiting: number; parked: number; dead: number; oldest: number | undefined }> {
  const rows = await conn.rows<{ state: string; n: number; oldest: number }>(
    `select state, count(*) as n, min(received_at) as oldest from telegram_events
      where state in ('waiting', 'parked', 'dead') group by state`,
  )
  const row = (state: string) => rows.find((one) => one.state === state)
  const [waiting, parked, dead] = ['waiting', 'parked', 'dead'].map((state) => Number(row(state)?.n ?? 0))
  const oldest = row('waiting')?.oldest
  return {
    waiting: waiting ?? 0,
    parked: parked ?? 0,
    dead: dead ?? 0,
    oldest: oldest === undefined ? undefined : Number(oldest),
  }
}

/** Of each room that has some: those on their way, and those that were given up. */
export async function eventsByRoom(conn: Conn): Promise<ReadonlyMap<string, { waiting: number; dead: number }>> {
  const rows = await conn.rows<{ room_id: string; waiting: number; dead: number }>(
    `select room_id, sum(case when state = 'dead' then 0 else 1 end) as waiting, sum(case when state = 'dead' then 1 else 0 end) as dead
      from telegram_events where state <> 'done' group by room_id`,
  )
  return new Map(rows.map(({ room_id: id, waiting, dead }) => [id, { waiting: Number(waiting), dead: Number(dead) }]))
}

/** It stays without its text, so that it is not taken again. */
export async function finishEvent(tx: Tx, eventId: string): Promise<void> {
  await tx.run(`update telegram_events set state = 'done', json = null, is_sending = 0 where event_id = ?`, [eventId])
}

/** `from` is the least number that its message may get. One that is in doubt already keeps what it had. */
export async function beginPart(tx: Tx, eventId: string, from: number): Promise<void> {
  await tx.run('update telegram_events set is_sending = ? where event_id = ? and is_sending = 0', [from, eventId])
}

/** `isSent: false`: it is known that Telegram did not take it. */
export async function endPart(tx: Tx, eventId: string, { isSent }: { isSent: boolean }): Promise<void> {
  await tx.run('update telegram_events set is_sending = 0, sent_parts = sent_parts + ? where event_id = ?', [
    isSent ? 1 : 0,
    eventId,
  ])
}

export async function noteEventFailure(
  tx: Tx,
  eventId: string,
  { error, isCounted, isDead }: { error: string; isCounted: boolean; isDead: boolean },
): Promise<void> {
  await tx.run(`update telegram_events set attempts = attempts + ?, error = ?, state = ? where event_id = ?`, [
    isCounted ? 1 : 0,
    error,
    isDead ? 'dead' : 'waiting',
    eventId,
  ])
}

/** It waits for the bot to be back in its chat. */
export async function parkEvent(tx: Tx, eventId: string): Promise<void> {
  await tx.run(`update telegram_events set state = 'parked' where event_id = ?`, [eventId])
}

/** What waited for the bot to be back goes on. */
export async function unparkEvents(tx: Tx, roomId: string, now: number): Promise<void> {
  await tx.run(`update telegram_events set state = 'waiting', waits_from = ? where room_id = ? and state = 'parked'`, [
    now,
    roomId,
  ])
}

/** Gives up what is parked and came before this time. Gives the rooms in which that is told. */
export async function giveUpParked(tx: Tx, before: number): Promise<ReadonlyMap<string, number>> {
  const rows = await tx.rows<{ room_id: string; n: number }>(
    `select room_id, count(*) as n from telegram_events where state = 'parked' and received_at < ? group by room_id`,
    [before],
  )
  if (rows.length > 0) {
    await tx.run(
      `update telegram_events set state = 'dead', error = 'the bot was away for too long'
        where state = 'parked' and received_at < ?`,
      [before],
    )
  }
  return new Map(rows.map(({ room_id: roomId, n }) => [roomId, Number(n)]))
}

export interface DeadEvent {
  readonly event_id: string
  readonly error: string | null
}

/** The latest of a room first. */
export async function deadEvents(conn: Conn, roomId: string, limit: number): Promise<DeadEvent[]> {
  return await conn.rows<DeadEvent>(
    `select event_id, error from telegram_events where room_id = ? and state = 'dead' order by seq desc limit ?`,
    [roomId, limit],
  )
}

/** All, or those of one person, or one event, or that if it is theirs. */
export interface WhichEvents {
  readonly eventId?: string
  readonly sender?: string
}

/** Dead ones of a room wait again; of one person's the first 500. Gives how many. */
export async function reviveEvents(
  tx: Tx,
  roomId: string,
  { now, eventId, sender }: WhichEvents & { readonly now: number },
): Promise<number> {
  const only = eventId === undefined ? [] : [eventId]
  if (sender === undefined) return await revive(tx, roomId, now, only)
  const own = await deadOf(tx, roomId, sender)
  const meant = eventId === undefined ? own : own.filter((id) => id === eventId)
  return meant.length === 0 ? 0 : await revive(tx, roomId, now, meant)
}

/** `only` these events, where some are named. */
async function revive(tx: Tx, roomId: string, now: number, only: readonly string[]): Promise<number> {
  const named = only.length === 0 ? '' : ` and event_id in (${only.map(() => '?').join(', ')})`
  return await tx.run(
    `update telegram_events set state = 'waiting', attempts = 0, waits_from = ?
      where room_id = ? and state = 'dead' and json is not null${named}`,
    [now, roomId, ...only],
  )
}

async function deadOf(tx: Tx, roomId: string, sender: string): Promise<string[]> {
  const rows = await tx.rows<{ event_id: string; json: string }>(
    `select event_id, json from telegram_events
      where room_id = ? and state = 'dead' and replace(json, ?, '') <> json order by seq limit ?`,
    [roomId, `"sender":${JSON.stringify(sender)}`, MAX_OWN],
  )
  const isTheirs = (json: string): boolean => (JSON.parse(json) as { sender?: unknown }).sender === sender // content may say so too
  return rows.flatMap(({ event_id: id, json }) => (isTheirs(json) ? [id] : []))
}

/** Forgets what was through before `done`, and what was given up and came before `dead`. */
export async function pruneEvents(tx: Tx, { done, dead }: { done: number; dead: number }): Promise<void> {
  await tx.run(`delete from telegram_events where state = 'done' and received_at < ?`, [done])
  await tx.run(`delete from telegram_events where state = 'dead' and received_at < ?`, [dead])
}
