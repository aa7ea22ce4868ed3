/** Events of Matrix, from when they are taken until they are in Telegram. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface StoredEvent {
  readonly event_id: string
  readonly seq: number
  readonly room_id: string
  readonly json: string
  readonly received_at: number
  readonly attempts: number
  /** Parts of a long message that Telegram has. */
  readonly sent_parts: number
  /** Not 0: whether Telegram got the next part is not known; if so, its message has this number or a greater one. */
  readonly is_sending: number
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
    `select event_id, seq, room_id, json, received_at, attempts, sent_parts, is_sending from telegram_events
      where room_id = ? and state = 'waiting' order by seq limit 1`,
    [roomId],
  )
}

export async function eventLanes(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<{ room_id: string }>(
    `select distinct room_id from telegram_events where state = 'waiting'`,
  )
  return rows.map(({ room_id: roomId }) => roomId)
}

export async function countEvents(conn: Conn): Promise<{ waiting: number; dead: number }> {
  const rows = await conn.rows<{ state: string; n: number }>(
    `select state, count(*) as n from telegram_events where state in ('waiting', 'dead') group by state`,
  )
  const of = (state: string): number => Number(rows.find((row) => row.state === state)?.n ?? 0)
  return { waiting: of('waiting'), dead: of('dead') }
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

/** Dead ones wait again. Gives how many. */
export async function reviveEvents(tx: Tx, roomId: string): Promise<number> {
  return await tx.run(
    `update telegram_events set state = 'waiting', attempts = 0 where room_id = ? and state = 'dead' and json is not null`,
    [roomId],
  )
}

/** Forgets what was through before `done`, and what was given up and came before `dead`. */
export async function pruneEvents(tx: Tx, { done, dead }: { done: number; dead: number }): Promise<void> {
  await tx.run(`delete from telegram_events where state = 'done' and received_at < ?`, [done])
  await tx.run(`delete from telegram_events where state = 'dead' and received_at < ?`, [dead])
}
