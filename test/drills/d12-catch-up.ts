/**
 * D12: another server is away for three days while much is written for it; ours dies in between and once more while it
 * catches up. Nobody is there to wait for three days: what our server remembers of its failures is written into its
 * database while it is down.
 */
import type { Database } from '../../homeserver/storage/database.ts'
import { freshDestination } from '../../homeserver/domain/federation/destination-state.ts'
import { findDestination, setDestinations } from '../../homeserver/storage/destinations.ts'
import { checkConsistency } from './consistency.ts'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { Observer, pagesBack } from './observer.ts'
import { type Site, Sites } from './sites.ts'
import { StubbornClient } from './stubborn-client.ts'

export interface CatchUpOptions extends DrillOptions {
  /** Our server dies a second time only if they are more than one transaction has events. */
  readonly rooms?: number
  readonly events?: number
}

const AWAY_MS = 3 * 24 * 60 * 60_000
const NEXT_TRY_MS = 12 * 60 * 60_000
/** When so many rooms are caught up and one more, our server has put on disk that the other one is there. */
const PER_TRANSACTION = 50
/** Goal for the time from the other's word that it is ready to the last of all messages. */
const CATCH_UP_MS = 30_000
/** Then what has not come is counted as lost. */
const PATIENCE_MS = 120_000

export async function catchUp({
  databaseUrl,
  rooms: roomCount = 200,
  events = 5_000,
}: CatchUpOptions): Promise<Outcome> {
  await using sites = await Sites.make(2)
  const [ourSite, theirSite] = sites.list as [Site, Site]
  await using ours = await DrillServer.make({ databaseUrl, site: ourSite })
  await using theirs = await DrillServer.make({ site: theirSite })
  await Promise.all([ours.start(), theirs.start()])
  const alice = await new StubbornClient(ours).register('alice', 'password of alice')
  const bob = await new StubbornClient(theirs).register('bob', 'password of bob')
  const rooms: string[] = []
  for (let n = 0; n < roomCount; n++) {
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(roomId)}?via=${ourSite.name}`)
    rooms.push(roomId)
  }
  const observer = new Observer(bob)
  await observer.readToEnd()
  await theirs.kill()

  const written = new Writing(alice, { rooms, to: bob.userId })
  await written.write(events / 2)
  await ours.kill()
  await pretendAway(await ours.openDatabase(), theirSite.name)
  await ours.start()
  await written.write(events / 2)

  await theirs.start()
  const from = performance.now()
  const isLate = (): boolean => performance.now() - from > PATIENCE_MS
  await bob.send(rooms[0] ?? '', 'I am back') // by which ours knows that it is
  const roomsCaughtUp = (): number => [...written.latest.values()].filter((id) => observer.seen.has(id)).length
  if (roomCount > PER_TRANSACTION) {
    await observer.readWhile(() => roomsCaughtUp() <= PER_TRANSACTION && !isLate())
    await ours.kill()
    await ours.start()
  }
  const isCaughtUp = (): boolean => roomsCaughtUp() === roomCount && observer.received.size === written.toDevice.length
  await observer.readWhile(() => !isCaughtUp() && !isLate())
  const caughtUpMs = performance.now() - from

  const delivered = await written.count(bob)
  const inOrder = [...observer.received.keys()].join() === written.toDevice.join()
  const twice = [...observer.received.values()].filter((times) => times > 1).length + observer.repeated
  await Promise.all([ours.stop(), theirs.stop()])
  const database = await ours.openDatabase() // the other's rooms have had gaps, which these checks know nothing of
  const problems = await checkConsistency(database)
  await database.close()
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const figures = {
    rooms: roomCount,
    events: written.events,
    deliveredPercent: (100 * delivered) / written.events,
    toDevice: written.toDevice.length,
    toDeviceLost: written.toDevice.length - observer.received.size,
    toDeviceInOrder: inOrder ? 1 : 0,
    duplicated: twice,
    caughtUpMs: Math.round(caughtUpMs),
    inconsistent: problems.length,
  }
  const pass = delivered === written.events && inOrder && twice + problems.length === 0 && caughtUpMs <= CATCH_UP_MS
  return { name: 'D12', pass, figures }
}

/** Ten messages to rooms, then one to bob's devices, and so on. */
class Writing {
  /** Ids by room. */
  readonly #sent = new Map<string, string[]>()
  readonly #rooms: readonly string[]
  readonly #client: StubbornClient
  readonly #to: string
  /** The newest of each room. */
  readonly latest = new Map<string, string>()
  /** Marks, in order. */
  readonly toDevice: string[] = []
  events = 0

  constructor(client: StubbornClient, { rooms, to }: { rooms: readonly string[]; to: string }) {
    this.#client = client
    this.#rooms = rooms
    this.#to = to
  }

  async write(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const roomId = this.#rooms[this.events % this.#rooms.length] ?? ''
      const eventId = await this.#client.send(roomId, `message ${++this.events}`)
      this.#sent.set(roomId, [...(this.#sent.get(roomId) ?? []), eventId])
      this.latest.set(roomId, eventId)
      if (this.events % 10 === 0) await this.#sendToDevice(`to device ${this.events}`)
    }
  }

  /** How many of the messages are in the rooms as that client sees them. */
  async count(reader: StubbornClient): Promise<number> {
    let count = 0
    for (const [roomId, sent] of this.#sent) {
      const left = new Set(sent)
      for await (const chunk of pagesBack(reader, roomId)) for (const { event_id: id } of chunk) left.delete(id)
      count += sent.length - left.size
    }
    return count
  }

  async #sendToDevice(mark: string): Promise<void> {
    const messages = { [this.#to]: { '*': { mark } } }
    await this.#client.put(`/sendToDevice/test.drill.message/${encodeURIComponent(mark)}`, { messages })
    this.toDevice.push(mark)
  }
}

async function pretendAway(database: Database, server: string): Promise<void> {
  const now = Date.now()
  const row = (await findDestination(database, server)) ?? freshDestination(server)
  const away = { ...row, failures: 12, failing_since: now - AWAY_MS, retry_at: now + NEXT_TRY_MS }
  await database.transaction('pretend that a server was away', (tx) => setDestinations(tx, [away]))
  await database.close()
}
