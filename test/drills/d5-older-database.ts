/** D5: an older copy of the database takes the place of the one that was there, as when a replica takes over that is behind. */
import { copyFile, readFile, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { checkConsistency } from './consistency.ts'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { Observer } from './observer.ts'
import { StubbornClient } from './stubborn-client.ts'
import { inRoom } from './writer.ts'

export interface OlderDatabaseOptions extends DrillOptions {
  /** Sent before the copy, after it and lost, and after the copy is back. */
  readonly messages?: number
}

export async function olderDatabase({ databaseUrl, messages = 200 }: OlderDatabaseOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  await server.start()
  const alice = await new StubbornClient(server).register('alice', 'password of alice')
  const bob = await new StubbornClient(server).register('bob', 'password of bob')
  const roomId = await alice.createRoom({ preset: 'public_chat' })
  await bob.post(inRoom(roomId, 'join'))
  const observer = new Observer(bob)
  const send = async (what: string): Promise<string[]> => {
    const sent: string[] = []
    for (let n = 0; n < messages; n++) sent.push(await say(alice, roomId, `${what} ${n}`))
    return sent
  }
  await send('before')
  await tell(alice, bob, 'before')
  await bob.post('/keys/upload', { one_time_keys: { 'signed_curve25519:AAAA': { key: 'x', signatures: {} } } })
  await observer.readToEnd()
  await server.stop()
  const copy = await copyOf(server)
  const mark = await markOf(server)
  await server.start()

  const given = await claim(alice, bob)
  const lost = await send('lost')
  await tell(alice, bob, 'lost')
  await observer.readToEnd()
  const seen = new Set(observer.seen)
  while ((await markOf(server)) < mark + messages) await sleep(50)
  await server.kill()
  await copy.putBack()
  await server.start()

  const fresh = await send('after') // so many that they come to where the observer was
  await tell(alice, bob, 'after')
  await observer.readToEnd()
  const silentGaps = fresh.filter((id) => !observer.seen.has(id)).length
  const refused = observer.refused
  const givenTwice = Number(given !== undefined && (await claim(alice, bob)) === given)
  const toDeviceLost = ['before', 'after'].filter((mark) => !observer.received.has(mark)).length
  const wereSeen = lost.every((id) => seen.has(id))
  await server.stop()
  const database = await server.openDatabase()
  const problems = await checkConsistency(database)
  await database.close()
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const figures = { messages, silentGaps, refused, toDeviceLost, givenTwice, inconsistent: problems.length }
  const pass = wereSeen && silentGaps + refused + toDeviceLost + givenTwice + problems.length === 0
  return { name: 'D5', pass, figures }
}

async function say(client: StubbornClient, roomId: string, text: string): Promise<string> {
  const path = inRoom(roomId, `send/m.room.message/${encodeURIComponent(text)}`)
  return (await client.put(path, { msgtype: 'm.text', body: text }))['event_id'] as string
}

async function tell(from: StubbornClient, to: StubbornClient, mark: string): Promise<void> {
  await from.put(`/sendToDevice/org.drill/${mark}`, { messages: { [to.userId]: { '*': { mark } } } })
}

/** How far the server has written down that its database has come. */
async function markOf(server: DrillServer): Promise<number> {
  return (JSON.parse(await readFile(server.path('data/high_water.json'), 'utf8')) as { events: number }).events
}

/** The id of the one-time key that is given out; undefined if there is none. */
async function claim(client: StubbornClient, { userId, deviceId }: StubbornClient): Promise<string | undefined> {
  const wanted = { one_time_keys: { [userId]: { [deviceId]: 'signed_curve25519' } } }
  const keys = (await client.post('/keys/claim', wanted))['one_time_keys'] as Record<string, Record<string, object>>
  return Object.keys(keys[userId]?.[deviceId] ?? {})[0]
}

/** Of the database of a server that stands still. */
interface Copy {
  /** In its place, while the server stands still again. */
  putBack(): Promise<void>
}

const copyOf = async (server: DrillServer): Promise<Copy> =>
  server.databaseUrl.startsWith('sqlite:') ? await copyOfFile(server) : await copyOnPostgres(server.databaseUrl)

async function copyOfFile(server: DrillServer): Promise<Copy> {
  const file = server.databaseUrl.slice('sqlite:'.length)
  const copy = server.path('copy.db')
  await copyFile(file, copy)
  return {
    putBack: async () => {
      for (const end of ['-wal', '-shm']) await rm(file + end, { force: true })
      await copyFile(copy, file)
    },
  }
}

async function copyOnPostgres(url: string): Promise<Copy> {
  const name = new URL(url.replace('@/', '@localhost/')).pathname.slice(1)
  const run = async (...statements: readonly string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: url.replace(`/${name}?`, '/template1?') })
    await client.connect()
    try {
      for (const statement of statements) await client.query(statement)
    } finally {
      await client.end()
    }
  }
  await run(`create database ${name}_copy template ${name}`)
  return {
    putBack: () => run(`drop database ${name} with (force)`, `alter database ${name}_copy rename to ${name}`),
  }
}
