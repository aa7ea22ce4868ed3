/**
 * A server with a few users, rooms and things of theirs, made the same way on every database. Generated requests name
 * them by placeholders, `{{alice}}`, so that the same request can be sent to servers that gave out different ids.
 */
import type { UserId } from '../../homeserver/core/ids.ts'
import type { Client } from '../support/client.ts'
import { TestDevice } from '../support/encryption.ts'
import { upload } from '../support/media-files.ts'
import type { TestServer } from '../support/server.ts'

const onePixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

export const users = ['alice', 'bob', 'mallory'] as const
export type User = (typeof users)[number]

const passwordOf = (user: User): string => `password of ${user}`

export class FuzzWorld {
  readonly server: TestServer
  readonly #clients: Map<User, Client>
  readonly #names: ReadonlyMap<string, string>

  private constructor(server: TestServer, clients: Map<User, Client>, names: ReadonlyMap<string, string>) {
    this.server = server
    this.#clients = clients
    this.#names = names
  }

  /** The users of each `generation` are new ones. Alice may administer the server. */
  static async make(server: TestServer, generation: number): Promise<FuzzWorld> {
    const register = (user: User): Promise<Client> => server.register(`${user}${generation}`, passwordOf(user))
    const [alice, bob, mallory] = await Promise.all([register('alice'), register('bob'), register('mallory')])
    await server.server.services.accounts.setRights(alice.userId as UserId, { isAdmin: true }) // from the server itself
    const names = new Map<string, string>([['server', 'hs.test'], ['alias', `#fuzz${generation}:hs.test`]]) // prettier-ignore
    for (const [n, client] of [alice, bob, mallory].entries()) names.set(users[n] ?? '', client.userId)
    await furnishRooms(alice, bob, names)
    await furnishAccount(alice, names)
    const clients = new Map<User, Client>([['alice', alice], ['bob', bob], ['mallory', mallory]]) // prettier-ignore
    return new FuzzWorld(server, clients, names)
  }

  client(user: User): Client {
    const client = this.#clients.get(user)
    if (!client) throw new Error(`There is no ${user}`)
    return client
  }

  /** Replaces placeholders in a text; what is not known stays. */
  resolve(text: string, as: User = 'alice'): string {
    const { userId, deviceId } = this.client(as)
    const own: Record<string, string | undefined> = { me: userId, my_device: deviceId, password: passwordOf(as) }
    return text.replace(
      /\{\{(\w+)\}\}/g,
      (placeholder, name: string) => own[name] ?? this.#names.get(name) ?? placeholder,
    )
  }

  /** A generated request may have ended the session of a user: logs in again. False if there is no such user any more. */
  async revive(user: User): Promise<boolean> {
    const client = this.client(user)
    if ((await client.request('GET', '/account/whoami')).status === 200) return true
    const identifier = { type: 'm.id.user', user: client.userId }
    const login = { type: 'm.login.password', identifier, password: passwordOf(user) }
    const { status, body } = await client.request('POST', '/login', login)
    if (status !== 200) return false
    client.token = body['access_token'] as string
    client.deviceId = body['device_id'] as string
    return true
  }
}

async function furnishRooms(alice: Client, bob: Client, names: Map<string, string>): Promise<void> {
  const room = await alice.createRoom({
    preset: 'public_chat',
    room_alias_name: names.get('alias')?.slice(1).split(':')[0],
    name: 'Fuzz',
    visibility: 'public',
  })
  await bob.post(`/rooms/${encodeURIComponent(room)}/join`)
  const event = await alice.send(room, 'hello')
  const thread = { 'm.relates_to': { rel_type: 'm.thread', event_id: event }, body: 'in thread', msgtype: 'm.text' }
  const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: event, key: '+' } }
  names.set('room', room)
  names.set('event', event)
  names.set('thread_event', await bob.send(room, thread))
  names.set('reaction', await bob.send(room, reaction, 'm.reaction'))
  names.set('state_event', await alice.setState(room, 'm.room.topic', { topic: 'fuzz' }))
  const others = {
    secret: await bob.createRoom({ preset: 'private_chat', invite: [alice.userId] }),
    space: await alice.createRoom({ creation_content: { type: 'm.space' } }),
    old: await alice.createRoom({ room_version: '1', preset: 'public_chat' }),
    knock: await bob.createRoom({
      preset: 'public_chat',
      initial_state: [{ type: 'm.room.join_rules', content: { join_rule: 'knock' } }],
    }),
    six: await alice.createRoom({ room_version: '6', preset: 'public_chat' }),
  }
  for (const [name, roomId] of Object.entries(others)) names.set(name, roomId)
  await alice.setState(others.space, 'm.space.child', { via: ['hs.test'] }, room)
  names.set('secret_event', await bob.send(others.secret, 'a secret'))
  names.set('old_event', await alice.send(others.old, 'an old one'))
  const { next_batch: since } = await alice.sync()
  names.set('since', since as string)
  const page = await alice.get(`/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=2`)
  names.set('page', page['end'] as string)
}

async function furnishAccount(alice: Client, names: Map<string, string>): Promise<void> {
  names.set('device', alice.deviceId)
  names.set('mxc', await upload(alice, 'a file', 'text/plain'))
  names.set('media', names.get('mxc')?.split('/').at(-1) ?? '')
  names.set('image', (await upload(alice, onePixel, 'image/png')).split('/').at(-1) ?? '')
  const promised = await alice.post('/_matrix/media/v1/create')
  names.set('promised', String(promised['content_uri']).split('/').at(-1) ?? '')
  const filter = await alice.post(`/user/${encodeURIComponent(alice.userId)}/filter`, {
    room: { timeline: { limit: 5 } },
  })
  names.set('filter', filter['filter_id'] as string)
  const backup = {
    algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2',
    auth_data: { public_key: 'abc', signatures: {} },
  }
  names.set('backup', (await alice.post('/room_keys/version', backup))['version'] as string)
  const device = new TestDevice(alice)
  await alice.post('/keys/upload', { device_keys: device.deviceKeys })
}
