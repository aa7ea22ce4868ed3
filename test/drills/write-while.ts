/** Clients write to a real server while somebody breaks what it stands on; then what it acknowledged is compared with what is there. */
import { checkConsistency } from './consistency.ts'
import type { DrillServer } from './drill-server.ts'
import { Ledger } from './ledger.ts'
import { Observer, pagesBack } from './observer.ts'
import { StubbornClient } from './stubborn-client.ts'
import { inRoom, STATE_TYPE, writeUntil } from './writer.ts'

const WRITERS = 8
const ROOMS = 4

/** What must hold whatever was broken: all of these but the first three are 0. */
export interface Findings {
  readonly acked: number
  readonly retried: number
  readonly limitedTimelines: number
  readonly lost: number
  readonly duplicated: number
  readonly gapTokens: number
  readonly inconsistent: number
}

export const isFlawless = ({ lost, duplicated, gapTokens, inconsistent }: Findings): boolean =>
  lost + duplicated + gapTokens + inconsistent === 0

/**
 * Starts the server, has clients write and one read until `disturb` is through, stops it and gives what was found.
 * `disturb` is told by a promise when a client cannot go on.
 */
export async function writeWhile(
  server: DrillServer,
  disturb: (clients: Promise<unknown>) => Promise<void>,
  { writers = WRITERS, rooms: count = ROOMS }: { readonly writers?: number; readonly rooms?: number } = {},
): Promise<Findings> {
  await server.start()
  const newClient = (name: string): Promise<StubbornClient> => new StubbornClient(server).register(name, `I am ${name}`)
  const reader = await newClient('observer')
  const clients = await Promise.all(Array.from({ length: writers }, (_, n) => newClient(`writer${n}`)))
  const options = { preset: 'public_chat', power_level_content_override: { state_default: 0 } }
  const [lobby = '', ...rooms] = await Promise.all(Array.from({ length: count + 1 }, () => reader.createRoom(options)))
  for (const roomId of rooms) for (const client of clients) await client.post(inRoom(roomId, 'join'))

  const [ledger, observer, stopping] = [new Ledger(), new Observer(reader), new AbortController()]
  const parts = { ledger, rooms, lobby, observer: reader.userId }
  const writing = clients.map((client) => writeUntil(stopping.signal, { ...parts, client }))
  const everybody = Promise.all([...writing, observer.readUntil(stopping.signal)])
  everybody.catch(() => undefined) // seen below
  await disturb(everybody)
  stopping.abort()
  await everybody
  await observer.readToEnd()

  const found = await compare(ledger, observer, reader, [...rooms, lobby])
  await server.stop()
  const database = await server.openDatabase()
  const problems = await checkConsistency(database)
  await database.close()
  for (const problem of [...found.problems, ...problems].slice(0, 20)) process.stderr.write(`${problem}\n`)
  return {
    acked: ledger.acknowledged,
    retried: clients.reduce((sum, { retries }) => sum + retries, 0),
    lost: found.lost,
    duplicated: found.duplicated,
    gapTokens: found.unseen + observer.refused,
    limitedTimelines: observer.gaps,
    inconsistent: problems.length,
  }
}

interface RoomEvent {
  readonly event_id: string
  readonly content: { readonly mark?: string }
  readonly unsigned?: { readonly redacted_because?: { readonly event_id?: string } }
}

interface Comparison {
  readonly problems: readonly string[]
  readonly lost: number
  readonly duplicated: number
  readonly unseen: number
}

/** What was acknowledged, beside what is in the rooms and what the observer saw. */
async function compare(
  ledger: Ledger,
  observer: Observer,
  reader: StubbornClient,
  rooms: readonly string[],
): Promise<Comparison> {
  const [lost, duplicated, unseen]: string[][] = [[], [], []] as const
  const byId = new Map<string, RoomEvent>()
  const byMark = new Map<string, string>()
  for (const roomId of rooms) {
    for await (const chunk of pagesBack<RoomEvent>(reader, roomId)) {
      for (const event of chunk) {
        const { event_id: id, content } = event
        const twice = content.mark !== undefined && byMark.has(content.mark)
        if (byId.has(id) || twice) duplicated.push(`${id} ${content.mark} is in its room twice`)
        byId.set(id, event)
        if (content.mark !== undefined) byMark.set(content.mark, id)
      }
    }
  }
  for (const [mark, { eventId }] of ledger.events) {
    if (!byId.has(eventId)) lost.push(`${eventId} of ${mark} is lost`)
    const other = byMark.get(mark)
    if (other !== undefined && other !== eventId) duplicated.push(`${mark} is ${other} and ${eventId}`)
  }
  for (const [target, redaction] of ledger.redactions) {
    const because = byId.get(target)?.unsigned?.redacted_because?.event_id
    if (because !== redaction || !byId.has(redaction))
      lost.push(`${target} was redacted by ${redaction}, not ${because}`)
  }
  for (const { roomId, stateKey, mark } of ledger.state.values()) {
    const path = inRoom(roomId, `state/${STATE_TYPE}/${encodeURIComponent(stateKey)}`)
    const content = await reader.get(path)
    if (content['mark'] !== mark) lost.push(`${stateKey} set ${mark}, and the room has ${String(content['mark'])}`)
  }
  for (const [userId, wanted] of ledger.memberships) {
    const lobby = rooms.at(-1) ?? ''
    const content = await reader.get(inRoom(lobby, `state/m.room.member/${encodeURIComponent(userId)}`))
    if (content['membership'] !== wanted) lost.push(`${userId} is ${String(content['membership'])}, not ${wanted}`)
  }
  for (const mark of ledger.toDevice) if (!observer.received.has(mark)) lost.push(`${mark} came to no device`)
  for (const [mark, times] of observer.received) if (times > 1) duplicated.push(`${mark} came ${times} times`)
  for (const id of byId.keys()) if (!observer.seen.has(id)) unseen.push(`${id} was never synced`)
  for (const id of observer.seen) if (!byId.has(id)) unseen.push(`${id} was synced and is not there`)
  if (observer.repeated > 0) duplicated.push(`${observer.repeated} events were synced twice`)
  return {
    problems: [...lost, ...duplicated, ...unseen],
    lost: lost.length,
    duplicated: duplicated.length,
    unseen: unseen.length,
  }
}
