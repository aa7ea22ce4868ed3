/** D3: the process dies at every step of the transactions that write events; the tables agree, and a repeated request makes one event. */
import type { Database } from '../../homeserver/storage/database.ts'
import { checkConsistency } from './consistency.ts'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { StubbornClient } from './stubborn-client.ts'

interface Stage {
  readonly server: DrillServer
  readonly alice: StubbornClient
  readonly bob: StubbornClient
  readonly roomId: string
  /** Makes requests and marks of different rounds different. */
  readonly round: number
}

/** Something a client asks for, and how many events of its mark there are when it has been answered. */
interface Deed {
  readonly transaction: string
  readonly run: (stage: Stage) => Promise<unknown>
}

const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

/** Each writes other tables together with its events. */
const deeds: Readonly<Record<string, Deed>> = {
  message: {
    transaction: 'persist events',
    run: ({ alice, roomId, round }) => alice.put(inRoom(roomId, `send/m.room.message/m${round}`), marked(round)),
  },
  'message in a thread': {
    transaction: 'persist events',
    run: async ({ alice, roomId, round }) => {
      const root = await lastMessage(alice, roomId)
      const relation = { 'm.relates_to': { rel_type: 'm.thread', event_id: root } }
      await alice.put(inRoom(roomId, `send/m.room.message/t${round}`), { ...marked(round), ...relation })
    },
  },
  state: {
    transaction: 'persist events',
    run: ({ alice, roomId, round }) => alice.put(inRoom(roomId, 'state/m.room.topic/'), { topic: `topic ${round}` }),
  },
  'join and leave': {
    transaction: 'persist events',
    run: async ({ bob, roomId }) => {
      const { joined_rooms: rooms } = await bob.get('/joined_rooms')
      await bob.request('POST', inRoom(roomId, (rooms as string[]).includes(roomId) ? 'leave' : 'join'), {})
    },
  },
  redaction: {
    transaction: 'persist events',
    run: async ({ alice, roomId, round }) => {
      const target = await lastMessage(alice, roomId)
      await alice.put(inRoom(roomId, `redact/${encodeURIComponent(target)}/r${round}`), {})
    },
  },
  'several rooms at once': {
    transaction: 'persist events',
    run: async ({ alice, bob, roomId, round }) => {
      await Promise.all([
        alice.post('/createRoom', { preset: 'public_chat', name: `room ${round}` }),
        alice.put(inRoom(roomId, `send/m.room.message/a${round}`), marked(round)),
        bob.put('/profile/' + encodeURIComponent(bob.userId) + '/displayname', { displayname: `Bob ${round}` }),
      ])
    },
  },
  'message to a device': {
    transaction: 'send to devices',
    run: ({ alice, bob, round }) =>
      alice.put(`/sendToDevice/org.drill/d${round}`, { messages: { [bob.userId]: { '*': marked(round) } } }),
  },
}

const marked = (round: number): Record<string, unknown> => ({ msgtype: 'm.text', body: `round ${round}` })

async function lastMessage(client: StubbornClient, roomId: string): Promise<string> {
  const filter = encodeURIComponent(JSON.stringify({ types: ['m.room.message'] }))
  const page = await client.get(inRoom(roomId, `messages?dir=b&limit=200&filter=${filter}`))
  const events = page['chunk'] as { event_id: string; content: Record<string, unknown> }[]
  const event = events.find(({ content }) => content['body'] !== undefined && !content['m.relates_to'])
  if (!event) throw new Error('The room has no message left')
  return event.event_id
}

export async function killInCommit({ databaseUrl, kills = Infinity }: DrillOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl, withFailpoints: true })
  await server.start()
  const alice = await new StubbornClient(server).register('alice', 'password of alice')
  const bob = await new StubbornClient(server).register('bob', 'password of bob')
  const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Drill' })
  await bob.post(inRoom(roomId, 'join'))
  for (let n = 0; n < 50; n++) await alice.send(roomId, `a message to talk about, ${n}`)
  await using database = await opened(server)

  const problems: string[] = []
  let [round, killed, steps] = [0, 0, 0]
  for (const [name, { transaction, run }] of Object.entries(deeds)) {
    for (let step = 1; killed < kills; step++) {
      round++
      const { outcome } = await server.arm({ transaction, step })
      const done = run({ server, alice, bob, roomId, round })
      done.catch(() => undefined)
      const survived = await Promise.race([outcome, done.then(() => outcome)])
      if (survived === undefined) {
        killed++
        await server.died()
        problems.push(...(await checkConsistency(database.value)).map((problem) => `${name}, step ${step}: ${problem}`))
        await server.start()
      }
      await done
      if (survived === undefined) continue
      steps += survived
      break
    }
  }
  problems.push(...(await checkConsistency(database.value)))
  const duplicated = await countDuplicates(database.value)
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const figures = { killed, steps, inconsistent: problems.length, duplicated }
  return { name: 'D3', pass: problems.length === 0 && duplicated === 0, figures }
}

/** Messages of the same body: each round had its own. */
async function countDuplicates(database: Database): Promise<number> {
  const events = await database.rows<{ json: string }>(`select json from events where type = 'm.room.message'`)
  const bodies = events.map(({ json }) => (JSON.parse(json) as { content: { body?: string } }).content.body)
  const messages = await database.rows<{ event: string }>('select event from to_device')
  const told = messages.map(({ event }) => event)
  const all = [...bodies, ...told].filter((body) => body !== undefined)
  return all.length - new Set(all).size
}

async function opened(server: DrillServer): Promise<AsyncDisposable & { readonly value: Database }> {
  const value = await server.openDatabase()
  return { value, [Symbol.asyncDispose]: () => value.close() }
}
