import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../../test/support/databases.ts'
import { signedBy, TestCrossSigning, TestDevice } from '../../../../test/support/encryption.ts'
import { Heart } from '../../../../test/support/heart.ts'
import { until } from '../../../../test/support/until.ts'
import { complete, enter, joinOn } from '../../../../test/support/partial-join.ts'
import { PeerRoom } from '../../../../test/support/peer-room.ts'
import { loadConfig } from '../../../config/load.ts'
import type { JsonObject } from '../../../core/event.ts'
import { type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { roomVersions } from '../../../core/room-version.ts'
import { signingKeyFromSeed } from '../../../core/signing.ts'
import { FakeClock } from '../../../platform/fake-clock.ts'
import { Background, Supervisor } from '../../../platform/lifecycle.ts'
import { Metrics } from '../../../platform/metrics.ts'
import { addDevice } from '../../../storage/devices.ts'
import type { Tx } from '../../../storage/database.ts'
import type { Positions } from '../../../storage/streams.ts'
import { type DeviceServices, openDevices } from '../../devices/open-devices.ts'
import type { FederationCall } from '../client.ts'
import { refusedBy, unusable } from '../federation-error.ts'
import type { Edu } from '../receive/edu-receiver.ts'
import { RoomServers } from '../room-servers.ts'
import type { KeyClient } from './ask-keys.ts'
import { openDeviceLists } from './open-device-lists.ts'
import type { EduQueue, ToldChanges } from './told-changes.ts'

const [alice, bob, carol] = ['@alice:hs.test', '@bob:b.test', '@carol:c.test'] as const

interface Published {
  devices: readonly TestDevice[]
  names: Record<string, string>
  streamId: number
  crossSigning?: TestCrossSigning
}

/** Other servers, as far as keys go. Whatever `answer` is set to is answered to everything. */
class Peers implements KeyClient {
  readonly users = new Map<UserId, Published>()
  readonly asked: string[] = []
  isDown = false
  answer: JsonObject | undefined
  refusal: number | undefined
  /** Called before an answer is made. */
  meanwhile: () => Promise<unknown> = () => Promise.resolve()

  publish(userId: UserId, streamId: number, devices: readonly TestDevice[], more: Partial<Published> = {}): void {
    this.users.set(userId, { devices, streamId, names: {}, ...more })
  }

  async get(server: ServerName, path: string): Promise<JsonObject> {
    const userId = decodeURIComponent(path.split('/').at(-1) ?? '') as UserId
    await this.#ask(server, `list ${userId}`)
    const user = this.users.get(userId)
    if (this.answer || !user) return this.answer ?? {}
    const { master_key, self_signing_key } = user.crossSigning?.upload() ?? {}
    const devices = user.devices.map(({ deviceId, deviceKeys }) => ({
      device_id: deviceId,
      keys: deviceKeys,
      device_display_name: user.names[deviceId],
    }))
    return { user_id: userId, stream_id: user.streamId, devices, master_key, self_signing_key }
  }

  async post(server: ServerName, path: string, { body = {} }: FederationCall = {}): Promise<JsonObject> {
    const isQuery = path.endsWith('query')
    const wanted = body[isQuery ? 'device_keys' : 'one_time_keys'] as JsonObject
    await this.#ask(server, `${isQuery ? 'keys' : 'claim'} ${Object.keys(wanted).join(' ')}`)
    if (this.answer) return this.answer
    const known = Object.keys(wanted).map((id) => [id, this.users.get(id as UserId)] as const)
    const each = (value: (user: Published) => JsonObject | undefined): JsonObject =>
      Object.fromEntries(known.flatMap(([id, user]) => (user && value(user) ? [[id, value(user) ?? {}]] : [])))
    return {
      device_keys: each(({ devices }) =>
        Object.fromEntries(devices.map((device) => [device.deviceId, device.deviceKeys])),
      ),
      master_keys: each(({ crossSigning }) => crossSigning?.upload().master_key),
      self_signing_keys: each(({ crossSigning }) => crossSigning?.upload().self_signing_key),
    }
  }

  async #ask(server: ServerName, question: string): Promise<void> {
    this.asked.push(question)
    await this.meanwhile()
    if (this.isDown) throw unusable(server, 'could not be reached')
    if (this.refusal !== undefined) throw refusedBy(server, this.refusal, {})
  }
}

interface Told extends Edu {
  readonly destinations: readonly ServerName[]
}

const text = 'server_name: hs.test\nfederation: { mode: open, device_names: true }'
const config = loadConfig({ files: [{ name: 'test', text }], env: {}, readFile: () => '' })

class World implements AsyncDisposable {
  readonly told: Told[] = []
  readonly changed: string[] = []
  readonly background = new Background()
  readonly #supervisor = new Supervisor()
  readonly heart: Heart
  readonly clock: FakeClock
  readonly peers: Peers
  readonly devices: DeviceServices
  readonly receive: (origin: ServerName, edu: Edu) => Promise<void>
  readonly toldChanges: ToldChanges
  #started: Promise<void>

  private constructor(heart: Heart, clock: FakeClock, peers: Peers) {
    this.heart = heart
    this.clock = clock
    this.peers = peers
    const hooks = { announcements: [], remoteKeys: [], remoteInboxes: [], keyKeepers: [], unplacedChanges: [] }
    const accountHooks = {
      arrivals: [],
      devices: [],
      departures: [],
      profiles: [],
      remoteProfiles: [],
      externalLogins: [],
    }
    const { database, bus, streams, members, partialRooms } = heart
    const rooms = { database, bus, streams, members, partialRooms, roomServers: new RoomServers(heart) }
    const parts = {
      ...rooms,
      clock,
      metrics: new Metrics(),
      background: this.background,
      serverName: 'hs.test',
      namesDevices: true,
      config,
    }
    this.devices = openDevices({ ...parts, hooks: { ...accountHooks, ...hooks } })
    const outbox: EduQueue = {
      queueEdu: (tx: Tx, destinations, edu) => {
        const told = { ...edu, destinations: [...destinations].sort() }
        tx.onCommit(() => this.told.push(told))
        return Promise.resolve()
      },
    }
    const { deviceLists } = this.devices
    const opened = openDeviceLists({ ...parts, deviceLists, client: peers, outbox, hooks })
    this.toldChanges = opened.toldChanges
    this.receive = (origin, edu) => opened.deviceListUpdates.receive(origin, edu)
    heart.bus.subscribe(({ stream, keys }) => {
      if (stream === 'device_lists') this.changed.push(...(keys.users ?? []))
    })
    this.#started = this.#supervisor.start(opened.runnable)
  }

  static async open(url: string, { clock = new FakeClock(), peers = new Peers() } = {}): Promise<World> {
    const world = new World(await Heart.open(url, { clock }), clock, peers)
    await world.#started
    return world
  }

  /** A room with these members. */
  async room(creator: UserId, ...others: readonly UserId[]): Promise<RoomId> {
    const roomId = await this.heart.create(creator)
    for (const userId of others) await this.heart.member(roomId, userId, 'join')
    await this.background.settle()
    return roomId
  }

  async query(...users: readonly UserId[]): Promise<JsonObject> {
    const wanted = Object.fromEntries(users.map((userId) => [userId, []]))
    return JSON.parse(await this.devices.keyDirectory.query(alice, wanted, 5_000)) as JsonObject
  }

  /** The devices that are known of a user, or undefined. */
  async devicesOf(userId: UserId): Promise<string[] | undefined> {
    const { device_keys: keys } = (await this.query(userId)) as { device_keys: Record<string, object> }
    return keys[userId] && Object.keys(keys[userId]).sort()
  }

  async update(userId: UserId, streamId: number, prevIds: readonly number[], more: JsonObject): Promise<void> {
    const content = { user_id: userId, stream_id: streamId, prev_id: [...prevIds], ...more }
    await this.receive(serverNameOf(userId), { type: 'm.device_list_update', content })
  }

  /** A device of a user here, with its keys. */
  async addDevice(userId: UserId, deviceId: string): Promise<TestDevice> {
    const device = new TestDevice({ userId, deviceId })
    await this.heart.database.transaction('add device', async (tx) => {
      await tx.run(`insert into accounts (user_id, created_ts) values (?, 0) on conflict do nothing`, [userId])
      await addDevice(tx, userId, deviceId, { displayName: `name of ${deviceId}`, createdTs: 0, isHidden: false })
    })
    await this.upload(device)
    return device
  }

  async upload({ userId, deviceId, deviceKeys }: TestDevice): Promise<void> {
    await this.heart.database.transaction('upload', (tx) =>
      this.devices.deviceKeys.publish(tx, userId as UserId, deviceId, { device_keys: deviceKeys }),
    )
  }

  async allIsTold(): Promise<void> {
    await until(async () => !(await this.heart.database.row('select 1 from untold_key_changes')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.background.stop()
    await this.#supervisor.stop()
    await this.heart[Symbol.asyncDispose]()
  }
}

const device = (userId: UserId, deviceId: string): TestDevice => new TestDevice({ userId, deviceId })

forEachDatabase(({ freshUrl }) => {
  test('keys of somebody in a shared room are fetched once and kept up to date by updates', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const [phone, laptop] = [device(bob, 'PHONE'), device(bob, 'LAPTOP')]
    world.peers.publish(bob, 4, [phone])
    expect(await world.devicesOf(bob)).toEqual(['PHONE'])
    expect(await world.devicesOf(bob)).toEqual(['PHONE'])
    expect(world.peers.asked).toEqual(['keys @bob:b.test'])

    // The first update shows that nobody said at which one the list stood.
    world.peers.publish(bob, 5, [phone, laptop])
    await world.update(bob, 5, [4], { device_id: 'LAPTOP', keys: laptop.deviceKeys })
    await until(() => world.changed.includes(bob))
    expect(world.peers.asked).toEqual(['keys @bob:b.test', 'list @bob:b.test'])
    expect(await world.devicesOf(bob)).toEqual(['LAPTOP', 'PHONE'])

    await world.update(bob, 6, [5], { device_id: 'PHONE', deleted: true })
    await world.update(bob, 7, [6], { device_id: 'LAPTOP', keys: laptop.deviceKeys, device_display_name: 'Work' })
    expect(await world.devicesOf(bob)).toEqual(['LAPTOP'])
    expect(await world.query(bob)).toMatchObject({
      device_keys: { [bob]: { LAPTOP: { ...laptop.deviceKeys, unsigned: { device_display_name: 'Work' } } } },
      failures: {},
    })
    expect(world.changed).toEqual([bob, bob, bob])
    // The same update again changes nothing.
    await world.update(bob, 7, [6], { device_id: 'LAPTOP', deleted: true })
    expect(world.changed).toHaveLength(3)
    expect(world.peers.asked).toHaveLength(2)
  })

  test('a list that missed an update is fetched as soon as its server answers, also after a restart', async () => {
    const [url, clock, peers] = [await freshUrl(), new FakeClock(), new Peers()]
    const [phone, laptop] = [device(bob, 'PHONE'), device(bob, 'LAPTOP')]
    {
      await using world = await World.open(url, { clock, peers })
      await world.room(alice, bob)
      peers.publish(bob, 1, [phone])
      await world.devicesOf(bob)
      peers.isDown = true
      await world.update(bob, 9, [8], { device_id: 'LAPTOP', keys: laptop.deviceKeys })
      await until(() => peers.asked.length === 2)
      expect(await world.query(bob)).toMatchObject({ device_keys: {}, failures: { 'b.test': { status: 502 } } })
    }
    peers.publish(bob, 9, [phone, laptop])
    await using world = await World.open(url, { clock, peers })
    const before = peers.asked.length
    while (peers.asked.length < before + 3) await clock.advance(1_000)
    expect(clock.now() - Date.UTC(2026, 0, 1)).toBeGreaterThan(60_000) // ever more rarely
    peers.isDown = false
    while (world.changed.length === 0) await clock.advance(10_000)
    expect(world.changed).toEqual([bob])
    const asked = peers.asked.length
    expect(await world.devicesOf(bob)).toEqual(['LAPTOP', 'PHONE'])
    expect(peers.asked).toHaveLength(asked)
  })

  test('an update that comes while the list is fetched is not lost', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const [phone, laptop] = [device(bob, 'PHONE'), device(bob, 'LAPTOP')]
    world.peers.publish(bob, 1, [phone])
    const old = await world.peers.post('b.test', '/query', { body: { device_keys: { [bob]: [] } } })
    world.peers.meanwhile = async () => {
      world.peers.meanwhile = () => Promise.resolve()
      world.peers.answer = old
      await world.update(bob, 2, [1], { device_id: 'LAPTOP', keys: laptop.deviceKeys })
      await until(() => world.peers.asked.length === 3) // the list, in the background: also old
    }
    await world.devicesOf(bob)
    world.peers.answer = undefined
    world.peers.publish(bob, 2, [phone, laptop])
    while ((await world.devicesOf(bob))?.length !== 2) await world.clock.advance(5_000)
  })

  test('T30: a server updates the keys of its own users alone', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob, carol)
    const real = device(bob, 'PHONE')
    world.peers.publish(bob, 1, [real])
    await world.devicesOf(bob)
    const asked = world.peers.asked.length
    const forged = device(bob, 'EVIL')
    for (const origin of ['c.test', 'b.test:8448', 'hs.test', '']) {
      const update = { user_id: bob, device_id: 'EVIL', stream_id: 2, prev_id: [1], keys: forged.deviceKeys }
      await world.receive(origin, { type: 'm.device_list_update', content: update })
      const { master_key } = new TestCrossSigning({ userId: bob }).upload()
      await world.receive(origin, { type: 'm.signing_key_update', content: { user_id: bob, master_key } })
    }
    for (const content of [{}, { user_id: 1 }, { user_id: '@bob' }, { user_id: bob, device_id: 7 }] as JsonObject[]) {
      await world.receive('b.test', { type: 'm.device_list_update', content })
    }
    expect(world.changed).toEqual([])
    expect(await world.devicesOf(bob)).toEqual(['PHONE'])
    expect(world.peers.asked).toHaveLength(asked)
  })

  test('T71: of what a server says only the well-formed keys of its own users are believed', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const [good, other] = [device(bob, 'GOOD'), device(carol, 'CAROL')]
    const signing = new TestCrossSigning({ userId: bob })
    const { master_key: master, self_signing_key: selfSigning } = signing.upload()
    const renamed = (deviceId: string): JsonObject => ({ ...good.deviceKeys, device_id: deviceId })
    world.peers.answer = {
      device_keys: {
        [bob]: {
          GOOD: { ...good.deviceKeys, unsigned: { device_display_name: 'Good', evil: true } },
          OTHER: good.deviceKeys,
          CAROL: other.deviceKeys,
          CHANGED: { ...device(bob, 'CHANGED').deviceKeys, algorithms: ['changed'] },
          LARGE: new TestDevice({ userId: bob, deviceId: 'LARGE' }, { pad: 'x'.repeat(70_000) }).deviceKeys,
          UNSIGNED: { ...device(bob, 'UNSIGNED').deviceKeys, signatures: 'none' },
          [signing.master.publicKey]: renamed(signing.master.publicKey),
          'NUL\0': renamed('NUL\0'),
          TEXT: 'no keys',
        },
        [carol]: { CAROL: other.deviceKeys },
        [alice]: { ALICE: device(alice, 'ALICE').deviceKeys },
      },
      master_keys: { [bob]: master, [alice]: new TestCrossSigning({ userId: alice }).upload().master_key },
      self_signing_keys: { [bob]: new TestCrossSigning({ userId: bob }).upload().self_signing_key },
      user_signing_keys: { [alice]: new TestCrossSigning({ userId: alice }).upload().user_signing_key },
    }
    expect(await world.query(bob)).toEqual({
      device_keys: { [bob]: { GOOD: { ...good.deviceKeys, unsigned: { device_display_name: 'Good' } } } },
      failures: {},
      master_keys: { [bob]: master },
      self_signing_keys: {},
      user_signing_keys: {},
    })
    world.peers.answer = { device_keys: 7, master_keys: null, self_signing_keys: [] }
    expect(await world.query(carol)).toMatchObject({ device_keys: { [carol]: {} }, failures: {} })
    // An update without the key that vouches for it is not believed, but looked into.
    world.peers.answer = undefined
    world.peers.publish(bob, 3, [good], { crossSigning: signing })
    const evil = new TestCrossSigning({ userId: bob }).upload()
    const content = { user_id: bob, self_signing_key: evil.self_signing_key }
    await world.receive('b.test', { type: 'm.signing_key_update', content })
    await until(() => world.changed.includes(bob))
    expect(await world.query(bob)).toMatchObject({ self_signing_keys: { [bob]: selfSigning } })
  })

  test('T70: a server fills the list of a user only so far', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const phone = device(bob, 'PHONE')
    const list = (devices: readonly string[]): JsonObject => ({
      user_id: bob,
      stream_id: 1,
      devices: devices.map((id) => ({ device_id: id, keys: { ...phone.deviceKeys, device_id: id } })),
    })
    world.peers.publish(bob, 1, [phone])
    await world.devicesOf(bob)
    world.peers.answer = list(Array.from({ length: 1_100 }, (_, index) => `D${index}`))
    await world.update(bob, 1, [], { device_id: 'D1' })
    await until(() => world.changed.length === 1)
    expect(await world.devicesOf(bob)).toHaveLength(1_000)
    const more = { ...phone.deviceKeys, device_id: 'MORE' }
    await world.update(bob, 2, [1], { device_id: 'MORE', keys: more })
    await until(() => world.peers.asked.length === 3)
    expect(world.changed).toHaveLength(1)
  })

  test('claims are answered with one key for each, of the kind that was claimed', async () => {
    await using world = await World.open(await freshUrl())
    const phone = device(bob, 'PHONE')
    const keys = phone.oneTimeKeys(['A', 'B'])
    const claim = async (): Promise<unknown> =>
      JSON.parse(await world.devices.keyDirectory.claim({ [bob]: { PHONE: 'signed_curve25519' } }, 1_000))
    world.peers.answer = { one_time_keys: { [bob]: { PHONE: keys, OTHER: keys }, [carol]: { PHONE: keys } } }
    expect(await claim()).toEqual({
      failures: {},
      one_time_keys: { [bob]: { PHONE: { 'signed_curve25519:A': keys['signed_curve25519:A'] } } },
    })
    for (const said of [
      { 'curve25519:A': 'key' },
      { signed_curve25519: {} },
      { 'signed_curve25519:A': 7 },
      'key',
      {},
    ]) {
      world.peers.answer = { one_time_keys: { [bob]: { PHONE: said as JsonObject } } }
      expect(await claim()).toEqual({ failures: {}, one_time_keys: {} })
    }
    world.peers.isDown = true
    expect(await claim()).toMatchObject({ failures: { 'b.test': {} }, one_time_keys: {} })
  })

  test('of strangers nothing is kept, nor of those with whom no room is shared any more', async () => {
    await using world = await World.open(await freshUrl())
    world.peers.publish(bob, 1, [device(bob, 'PHONE')])
    world.peers.publish(carol, 1, [device(carol, 'CAROL')])
    expect(await world.devicesOf(bob)).toEqual(['PHONE'])
    const room = await world.room(alice, bob, carol)
    expect([await world.devicesOf(bob), await world.devicesOf(carol)]).toEqual([['PHONE'], ['CAROL']])
    await world.heart.member(room, bob, 'leave')
    await world.background.settle()
    await world.update(bob, 2, [1], { device_id: 'PHONE', deleted: true })
    expect(world.changed).toEqual([])
    world.peers.publish(bob, 2, [])
    expect(await world.devicesOf(bob)).toEqual([])
    // With our last user in the room we lose sight of all the others.
    await world.heart.member(room, alice, 'leave')
    await world.background.settle()
    const rows = await world.heart.database.rows('select user_id from remote_device_lists')
    expect([rows, await world.heart.database.rows('select user_id from device_keys')]).toEqual([[], []])
  })

  test('a list that its server refuses is kept no longer', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    world.peers.publish(bob, 1, [device(bob, 'PHONE')])
    await world.devicesOf(bob)
    world.peers.refusal = 404
    await world.update(bob, 3, [2], { device_id: 'X' })
    const rows = (): Promise<unknown[]> => world.heart.database.rows('select user_id from remote_device_lists')
    await until(async () => (await rows()).length === 0)
  })

  test('new cross-signing keys of others are taken over, and those that another master key signed go', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const [first, second] = [new TestCrossSigning({ userId: bob }), new TestCrossSigning({ userId: bob })]
    world.peers.publish(bob, 1, [], { crossSigning: first })
    await world.query(bob)
    const send = (content: JsonObject): Promise<void> =>
      world.receive('b.test', { type: 'm.signing_key_update', content: { user_id: bob, ...content } })
    const { user_signing_key: _, ...upload } = second.upload()
    await send({ master_key: upload.master_key })
    const { master_keys: masters, self_signing_keys: selfSigning } = await world.query(bob)
    expect([masters, selfSigning]).toEqual([{ [bob]: upload.master_key }, {}])
    await send(upload)
    expect(await world.query(bob)).toMatchObject({ self_signing_keys: { [bob]: upload.self_signing_key } })
    expect(world.changed).toEqual([bob, bob])
    expect(world.peers.asked).toEqual(['keys @bob:b.test'])
  })

  test('a user signs the master key of somebody elsewhere, and sees his signature on it', async () => {
    await using world = await World.open(await freshUrl())
    await world.room(alice, bob)
    const [mine, theirs] = [new TestCrossSigning({ userId: alice }), new TestCrossSigning({ userId: bob })]
    world.peers.publish(bob, 1, [], { crossSigning: theirs })
    await world.devices.crossSigning.upload(alice, mine.upload(), { isProven: false })
    await world.query(bob)
    const signed = signedBy(alice, mine.userSigning, theirs.upload().master_key)
    const upload = { [bob]: { [theirs.master.publicKey]: signed } }
    expect(await world.devices.keySignatures.upload(alice, upload)).toEqual({})
    expect(await world.query(bob)).toMatchObject({ master_keys: { [bob]: signed } })
  })

  test('other servers are told every change of devices and keys, numbered one after the other', async () => {
    await using world = await World.open(await freshUrl())
    await world.addDevice(alice, 'EARLY') // nobody to be told
    await world.allIsTold()
    const room = await world.room(alice, bob)
    await world.heart.member(room, carol, 'join')
    await world.background.settle()
    world.told.length = 0
    const phone = await world.addDevice(alice, 'PHONE')
    await until(() => world.told.length === 1)
    await world.devices.devices.rename(alice, 'PHONE', 'Telephone')
    await until(() => world.told.length === 2)
    const { master_key, self_signing_key, user_signing_key } = new TestCrossSigning({ userId: alice }).upload()
    const upload = { master_key, self_signing_key, user_signing_key }
    await world.devices.crossSigning.upload(alice, upload, { isProven: false })
    await until(() => world.told.length === 3)
    await world.heart.database.transaction('remove', async (tx) => {
      await tx.run('delete from devices where device_id = ?', ['PHONE'])
      await world.devices.devices.devicesRemoved(tx, alice, ['PHONE'])
    })
    await until(() => world.told.length === 4)
    const update = { user_id: alice, device_id: 'PHONE', keys: phone.deviceKeys }
    expect(world.told.map(({ content }) => content)).toEqual([
      { ...update, stream_id: 1, prev_id: [], device_display_name: 'name of PHONE' },
      { ...update, stream_id: 2, prev_id: [1], device_display_name: 'Telephone' },
      { user_id: alice, master_key, self_signing_key },
      { user_id: alice, device_id: 'PHONE', stream_id: 3, prev_id: [2], deleted: true },
    ])
    expect(new Set(world.told.map(({ destinations }) => destinations.join(' ')))).toEqual(new Set(['b.test c.test']))
    await world.allIsTold()
  })

  test('what was not told before the server stopped is told after it starts', async () => {
    const url = await freshUrl()
    {
      await using world = await World.open(url)
      await world.room(alice, bob)
      await world.heart.database.transaction('change', async (tx) => {
        await tx.run(`insert into untold_key_changes values (?, 'GONE', 1)`, [alice])
      })
    }
    await using world = await World.open(url)
    await until(() => world.told.length === 1)
    expect(world.told).toMatchObject([{ content: { device_id: 'GONE', deleted: true }, destinations: ['b.test'] }])
  })

  test('who joins a room is introduced to servers that did not know him, and only then', async () => {
    await using world = await World.open(await freshUrl())
    await world.addDevice(alice, 'PHONE')
    await world.allIsTold()
    const [first, second] = [await world.room(bob), await world.room(bob, carol)]
    await world.heart.member(first, alice, 'join')
    await until(() => world.told.length === 1)
    await world.heart.member(second, alice, 'join')
    await world.heart.send(second, alice, {
      type: 'm.room.member',
      stateKey: alice,
      content: { membership: 'join', displayname: 'Alice' },
    })
    await world.background.settle()
    expect(world.told).toMatchObject([
      { content: { device_id: 'PHONE', prev_id: [] }, destinations: ['b.test'] },
      { content: { device_id: 'PHONE', prev_id: [] }, destinations: ['c.test'] },
    ])
  })

  test('what servers may have missed is told to those that follow the user now, by whatever room', async () => {
    await using world = await World.open(await freshUrl())
    await world.addDevice(alice, 'PHONE')
    await world.allIsTold()
    const [joined, other] = [await world.room(alice), await world.room(alice)]
    await world.heart.member(joined, bob, 'join')
    await world.heart.member(other, carol, 'join')
    await world.toldChanges.makeUpFor(new Set(['b.test', 'c.test', 'd.test', 'hs.test']), joined)
    expect(world.told).toMatchObject([{ content: { device_id: 'PHONE' }, destinations: ['b.test', 'c.test'] }])
  })

  test('of people in a partial room changes are told as they come, and when its members are known all of them', async () => {
    await using world = await World.open(await freshUrl())
    const { heart } = world
    const room = new PeerRoom(roomVersions['11'], {
      serverName: 'b.test',
      key: signingKeyFromSeed('b', Buffer.alloc(32, 3)),
    })
    room.member(bob, 'join')
    const joined = joinOn(room, alice)
    await enter(heart, joined)
    const changes = async (since: Positions): Promise<string[]> =>
      [...(await world.devices.deviceLists.changes(alice, since, heart.streams.positions())).changed].sort()

    const start = heart.streams.positions()
    await world.update(bob, 1, [], { device_id: 'PHONE' })
    expect(await changes(start)).toEqual([bob])
    await world.update(carol, 1, [], { device_id: 'PHONE' }) // her server was not there
    const later = heart.streams.positions()
    expect(await changes(start)).toEqual([bob])
    expect(await changes(later)).toEqual([])
    expect((await world.devices.deviceLists.changes('@other:hs.test', start, later)).changed).toEqual([])
    const { master_key } = new TestCrossSigning({ userId: bob }).upload()
    await world.receive('b.test', { type: 'm.signing_key_update', content: { user_id: bob, master_key } })
    expect(await changes(later)).toEqual([bob])

    const last = heart.streams.positions()
    await complete(heart, joined)
    for (const since of [start, later, last]) expect(await changes(since)).toEqual([bob, room.creator])
    const whole = heart.streams.positions()
    await world.update(bob, 2, [1], { keys: device(bob, 'PHONE').deviceKeys, device_id: 'PHONE' })
    expect(await changes(whole)).toEqual([bob])
  })
})
