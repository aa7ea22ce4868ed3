/** Every way to read a room's past, by every kind of reader, for every visibility, against the rule read naively (T40, T75). */
import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

const visibilities = ['world_readable', 'shared', 'invited', 'joined', 'unheard_of'] as const
type Visibility = (typeof visibilities)[number]
type Membership = 'join' | 'invite' | 'leave' | 'ban'

/** What each reader was in the room at each of the five stages. */
const readers: Readonly<Record<string, readonly Membership[]>> = {
  stranger: ['leave', 'leave', 'leave', 'leave', 'leave'],
  invited: ['leave', 'invite', 'invite', 'invite', 'invite'],
  member: ['leave', 'invite', 'join', 'join', 'join'],
  left: ['leave', 'invite', 'join', 'leave', 'leave'],
  banned: ['leave', 'leave', 'join', 'ban', 'ban'],
  newcomer: ['leave', 'leave', 'leave', 'leave', 'join'],
  returned: ['leave', 'leave', 'join', 'leave', 'join'],
}

function sees(visibility: Visibility, memberships: readonly Membership[], stage: number): boolean {
  if (visibility === 'world_readable' || memberships[stage] === 'join') return true
  if (!memberships.includes('join')) return false
  if (visibility === 'invited') return memberships[stage] === 'invite'
  return visibility !== 'joined' && memberships.slice(stage).includes('join')
}

interface Sent {
  readonly root: string
  readonly reply: string
}

async function play(
  alice: Client,
  people: ReadonlyMap<string, Client>,
  visibility: Visibility,
): Promise<{ roomId: string; sent: Sent[] }> {
  const state = { type: 'm.room.history_visibility', content: { history_visibility: visibility } }
  const roomId = await alice.createRoom({ preset: 'public_chat', initial_state: [state] })
  const path = `/rooms/${encodeURIComponent(roomId)}`
  const sent: Sent[] = []
  for (let stage = 0; stage < 5; stage++) {
    for (const [name, person] of people) {
      const [before = 'leave', now = 'leave'] = [readers[name]?.[stage - 1], readers[name]?.[stage]]
      if (before === now) continue
      if (now === 'invite' || now === 'ban') await alice.post(`${path}/${now}`, { user_id: person.userId })
      else await person.post(`${path}/${now}`)
    }
    const root = await alice.send(roomId, `root ${stage}`)
    const thread = { 'm.relates_to': { rel_type: 'm.thread', event_id: root } }
    sent.push({ root, reply: await alice.send(roomId, { msgtype: 'm.text', body: 'reply', ...thread }) })
  }
  return { roomId, sent }
}

/** The ids of all messages that a walk back through the room meets; undefined if one may not walk. */
async function messages(reader: Client, path: string): Promise<string[] | undefined> {
  const seen: string[] = []
  for (let from = ''; ;) {
    const query = `dir=b&limit=4${from === '' ? '' : `&from=${from}`}`
    const { status, body } = await reader.request('GET', `${path}/messages?${query}`)
    if (status !== 200) return undefined
    seen.push(...idsOf(body['chunk']))
    if (!body['end']) return seen
    from = String(body['end'])
  }
}

const idsOf = (events: { type: string; event_id: string }[]): string[] =>
  events.filter(({ type }) => type === 'm.room.message').map(({ event_id }) => event_id)

async function checkReader(
  reader: Client,
  { roomId, sent }: { roomId: string; sent: readonly Sent[] },
  { isReader, isMember, visible }: { isReader: boolean; isMember: boolean; visible: readonly Sent[] },
): Promise<void> {
  const path = `/rooms/${encodeURIComponent(roomId)}`
  const v1 = `/_matrix/client/v1${path}`
  const all = visible.flatMap(({ root, reply }) => [root, reply])
  expect(await messages(reader, path)).toEqual(isReader ? all.toReversed() : undefined)

  const threads = await reader.request('GET', `${v1}/threads`)
  expect(threads.status).toBe(isReader ? 200 : 403)
  const roots = visible.map(({ root }) => root)
  if (isReader) expect(idsOf(threads.body['chunk'])).toEqual(roots.toReversed())

  const inTime = await reader.request('GET', `${v1}/timestamp_to_event?ts=${Date.now()}&dir=b`)
  if (!isReader) expect(inTime.status).toBe(403)

  for (const one of sent) {
    const isVisible = visible.includes(one)
    const status = isVisible ? 200 : 404
    const event = await reader.request('GET', `${path}/event/${one.root}`)
    const context = await reader.request('GET', `${path}/context/${one.root}?limit=20`)
    const relations = await reader.request('GET', `${v1}/relations/${one.root}`)
    expect([event.status, context.status, relations.status]).toEqual([status, status, status])
    expect((await reader.request('POST', `${path}/report/${one.root}`, {})).status).toBe(
      isVisible && isMember ? 200 : 404,
    )
    if (!isVisible) continue
    expect(event.body['unsigned']['m.relations']['m.thread'].latest_event.event_id).toBe(one.reply)
    expect(idsOf(relations.body['chunk'])).toEqual([one.reply])
    const around = idsOf([...context.body['events_before'], ...context.body['events_after']])
    expect(all).toEqual(expect.arrayContaining(around))
  }
}

async function check(server: TestServer, visibility: Visibility): Promise<void> {
  const alice = await server.register('alice')
  const people = new Map<string, Client>()
  for (const name of Object.keys(readers)) people.set(name, await server.register(name))
  const room = await play(alice, people, visibility)
  for (const [name, memberships] of Object.entries(readers)) {
    const reader = people.get(name)
    if (!reader) throw new Error(`there is no ${name}`)
    const isReader = visibility === 'world_readable' || memberships.includes('join')
    const visible = room.sent.filter((_, stage) => isReader && sees(visibility, memberships, stage))
    await checkReader(reader, room, { isReader, isMember: memberships[4] === 'join', visible })
  }
}

forEachDatabase(({ dialect }) => {
  test.each(visibilities)(
    'with visibility %s every reader sees what is theirs to see',
    async (visibility) => {
      await using server = await startServer({ database: dialect })
      await check(server, visibility)
    },
    60_000,
  )
})
