/**
 * People on several servers who all do things in one room at the same time, while ways between the servers break and
 * servers are restarted. What happens follows from a seed; what it leads to depends on who is faster.
 */
import type { RoomId } from '../../homeserver/core/ids.ts'
import { Client } from '../support/client.ts'
import type { Home } from '../support/mixed.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { enter, inRoom } from './two-sides.ts'

export interface TurmoilOptions {
  /** The first one makes the room. */
  readonly homes: readonly [Home, ...Home[]]
  readonly roomVersion: string
  readonly random: SeededRandom
}

interface Person {
  readonly home: Home
  client: Client
}

/** How often history is read until it is complete. */
const READINGS = 5
/** So much is done at the same time. */
const AT_ONCE = 8
const STATE_KEYS = ['a', 'b', 'c', 'd'] as const
const LEVELS = [0, 25, 50] as const

export class Turmoil {
  readonly roomId: string
  /** Ids of what the moderators said: nobody's power suffices to make it unheard. */
  readonly said: string[] = []
  /** How many events the servers have taken from their own people, and how many they have refused. */
  readonly count = { taken: 0, refused: 0 }
  readonly #homes: readonly Home[]
  #transactions = 0
  readonly #random: SeededRandom
  /** One on each server. Their power stays as it is. */
  readonly #moderators: readonly Person[]
  /** One on each server, who come and go, are put out, gain and lose power. */
  readonly #subjects: readonly Person[]

  private constructor(
    { homes, random }: TurmoilOptions,
    { roomId, moderators, subjects }: Record<'moderators' | 'subjects', readonly Person[]> & { roomId: string },
  ) {
    this.#homes = homes
    this.#random = random
    this.roomId = roomId
    this.#moderators = moderators
    this.#subjects = subjects
  }

  /** Everybody is in the room. */
  static async begin(options: TurmoilOptions): Promise<Turmoil> {
    const { homes, roomVersion } = options
    const people = (name: string): Promise<Person[]> =>
      Promise.all(homes.map(async (home) => ({ home, client: await home.register(name) })))
    const [moderators, subjects] = [await people('moderator'), await people('subject')]
    const [creator, ...others] = moderators
    if (!creator) throw new Error('unreachable')
    const users = Object.fromEntries(others.map(({ client }) => [client.userId, 100]))
    const power = roomVersion === '12' ? users : { [creator.client.userId]: 100, ...users }
    const roomId = await creator.client.createRoom({
      preset: 'public_chat',
      room_version: roomVersion,
      power_level_content_override: { users: power },
    })
    for (const { client } of [...others, ...subjects]) await enter(client, roomId, creator.home)
    return new Turmoil(options, { roomId, moderators, subjects })
  }

  /** Some things at once, while the way to some server may be cut. */
  async round(): Promise<void> {
    const random = this.#random
    const deeds = Array.from({ length: AT_ONCE }, () => this.#deed())
    const { gate } = random.pick(this.#homes as [Home, ...Home[]])
    const isCut = random.next() < 0.3
    const done = Promise.all(deeds.map((deed) => this.#tally(deed)))
    if (isCut) gate.shut()
    await done
    if (isCut) return
    for (const home of this.#homes) home.gate.reopen()
    this.#retry()
  }

  async restart(home: Home): Promise<void> {
    await home.restart()
    for (const person of [...this.#moderators, ...this.#subjects]) {
      if (person.home === home) person.client = again(person.client, home)
    }
  }

  /**
   * All ways are open, and everybody says something in turn, each when he has heard the one before: twice, because the
   * first time it tells the servers what they did not know.
   */
  async calmDown(): Promise<void> {
    for (const { gate } of this.#homes) gate.reopen()
    for (const speaker of [...this.#moderators, ...this.#moderators]) {
      while (!(await this.#isHeard(await this.#send(speaker, `this is ${speaker.home.name}`))));
    }
  }

  /** Ids of the events of the current state by key, as that server tells them, for each server. */
  async states(): Promise<readonly Readonly<Record<string, string>>[]> {
    const states = this.#moderators.map(async ({ client }) => {
      const events = (await client.get(inRoom(this.roomId, 'state'))) as unknown as Record<string, string>[]
      const entries = events.map(
        (event) => [`${event['type']} ${event['state_key']}`, event['event_id'] ?? ''] as const,
      )
      return Object.fromEntries(entries)
    })
    return await Promise.all(states)
  }

  extremities(): Promise<readonly (readonly string[])[]> {
    return Promise.all(this.#homes.map((home) => home.extremities(this.roomId as RoomId)))
  }

  /**
   * What was said and is not in the room's history on some server. A server may fetch history while it is read and show
   * it to who reads again, as Synapse does.
   */
  async missing(): Promise<readonly string[]> {
    const missing = await Promise.all(
      this.#moderators.map(async (reader) => {
        let unread = this.said
        for (let time = 0; time < READINGS && unread.length > 0; time++) {
          const history = await this.#history(reader)
          unread = unread.filter((eventId) => !history.has(eventId))
        }
        return unread
      }),
    )
    return missing.flat()
  }

  /** Back to its beginning. */
  async #history({ client }: Person): Promise<ReadonlySet<string>> {
    const ids = new Set<string>()
    for (let from: string | undefined = ''; from !== undefined;) {
      const page = from === '' ? '' : `&from=${encodeURIComponent(from)}`
      const { chunk, end } = await client.get(inRoom(this.roomId, `messages?dir=b&limit=100${page}`))
      for (const { event_id: eventId } of chunk) ids.add(eventId)
      from = end === from ? undefined : end
    }
    return ids
  }

  /**
   * Whether all servers have the event in their room. A server may drop one whose parents it cannot get at that moment,
   * as Synapse does, and gets it with the next one: so nobody waits for ever, and it is worth saying something else.
   */
  async #isHeard(eventId: string): Promise<boolean> {
    const heard = await Promise.all(
      this.#moderators.map(async ({ client }) => {
        let since: string | undefined
        for (let look = 0; look < LOOKS; look++) {
          this.#retry()
          if ((await client.request('GET', inRoom(this.roomId, `event/${eventId}`))).status === 200) return true
          const from: Record<string, string> = since === undefined ? {} : { since }
          since = (await client.sync({ ...from, timeout: LOOK_MS, filter: NOTHING_OLD }))['next_batch'] as string
        }
        return false
      }),
    )
    return heard.every(Boolean)
  }

  /** The transaction ids of a client begin anew with it, and so they are not used. */
  async #send({ client }: Person, body: string): Promise<string> {
    const path = inRoom(this.roomId, `send/m.room.message/${this.#transactions++}`)
    return (await client.put(path, { msgtype: 'm.text', body }))['event_id'] as string
  }

  #retry(): void {
    for (const home of this.#homes) home.retry(this.#homes)
  }

  /** Chance decides now, so that it does not depend on who is faster. */
  #deed(): () => Promise<unknown> {
    const random = this.#random
    const [moderators, subjects] = [this.#moderators, this.#subjects] as unknown as [Person, ...Person[]][]
    if (!moderators || !subjects) throw new Error('unreachable')
    const [moderator, subject] = [random.pick(moderators), random.pick(subjects)]
    const value = random.below(1_000_000)
    const chance = random.next()
    const membership = (action: string, by = moderator): (() => Promise<unknown>) => {
      const body = by === subject ? {} : { user_id: subject.client.userId }
      return () => by.client.post(inRoom(this.roomId, action), body)
    }
    if (chance < 0.5) return async () => this.said.push(await this.#send(moderator, `${value}`))
    if (chance < 0.6) return () => this.#send(subject, `${value}`)
    if (chance < 0.7) return () => moderator.client.setState(this.roomId, 'm.room.topic', { topic: `${value}` })
    const key = random.pick(STATE_KEYS)
    if (chance < 0.8) return () => moderator.client.setState(this.roomId, 'test.state', { value }, key)
    if (chance < 0.84) return () => subject.client.setState(this.roomId, 'test.state', { value }, key)
    const level = random.pick(LEVELS)
    if (chance < 0.87) return () => this.#setPower(moderator, subject, level)
    if (chance < 0.9) return membership('kick')
    if (chance < 0.92) return membership('ban')
    if (chance < 0.95) return membership('unban')
    return membership(chance < 0.97 ? 'leave' : 'join', subject)
  }

  async #setPower({ client }: Person, subject: Person, level: number): Promise<void> {
    const levels = await client.get(inRoom(this.roomId, 'state/m.room.power_levels'))
    const users = { ...levels['users'], [subject.client.userId]: level }
    await client.setState(this.roomId, 'm.room.power_levels', { ...levels, users })
  }

  async #tally(deed: () => Promise<unknown>): Promise<void> {
    try {
      await deed()
      this.count.taken++
    } catch (error) {
      // Who was put out may not speak; everything else is a fault.
      if (!(error instanceof Error) || !/: 403 /.test(error.message)) throw error
      this.count.refused++
    }
  }
}

/** How often a server is asked for an event, and for how long it is waited for in between. */
const [LOOKS, LOOK_MS] = [20, 1_000]
const NOTHING_OLD = '{"room":{"timeline":{"limit":1}},"presence":{"types":[]}}'

/** The same session, where the server is now. */
function again({ userId, deviceId, token }: Client, { url }: Home): Client {
  return Object.assign(new Client(url), { userId, deviceId, token })
}
