/** A large room on another server, and a user of ours who is to join it: what D17, D17b and test/bench/join.bench.ts begin with. */
import { roomVersions } from '../../homeserver/core/room-version.ts'
import { Client } from '../support/client.ts'
import { PeerRoom } from '../support/peer-room.ts'
import { DrillServer } from './drill-server.ts'
import { ForeignServers } from './foreign-servers.ts'
import { type Site, Sites } from './sites.ts'

/** Among which the members are spread. */
const SERVERS = 50

export class LargeJoin implements AsyncDisposable {
  readonly ours: DrillServer
  readonly others: ForeignServers
  readonly room: PeerRoom
  readonly alice: Client
  readonly #stack: AsyncDisposableStack

  private constructor(
    parts: {
      readonly ours: DrillServer
      readonly others: ForeignServers
      readonly room: PeerRoom
      readonly alice: Client
    },
    stack: AsyncDisposableStack,
  ) {
    this.ours = parts.ours
    this.others = parts.others
    this.room = parts.room
    this.alice = parts.alice
    this.#stack = stack
  }

  static async make({
    databaseUrl,
    members,
  }: {
    readonly databaseUrl?: string | undefined
    readonly members: number
  }): Promise<LargeJoin> {
    await using stack = new AsyncDisposableStack()
    const sites = stack.use(await Sites.make(2))
    const [ourSite, theirSite] = sites.list as [Site, Site]
    const ours = stack.use(await DrillServer.make({ databaseUrl, site: ourSite, withFailpoints: true }))
    await ours.start()
    const others = stack.use(await ForeignServers.start(theirSite, SERVERS))
    const room = roomOfMembers(others, members)
    others.room = room
    const alice = await new Client(ours.url).register('alice', 'password of alice')
    return new LargeJoin({ ours, others, room, alice }, stack.move())
  }

  /** Of alice, by way of the room's server. */
  async join(): Promise<void> {
    await this.alice.post(joinPath(this.room, this.others))
  }

  async joinedMembers(): Promise<number> {
    return await countJoined(this.alice, this.room)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }
}

/** Each member has joined and then changed the name, so that an event of each is in the auth chain alone. */
export function roomOfMembers(others: Pick<ForeignServers, 'names' | 'signer'>, members: number): PeerRoom {
  const { names } = others
  const room = new PeerRoom(roomVersions['11'], others.signer(names[0] ?? ''))
  for (let n = 1; n < members; n++) {
    const name = names[n % names.length] ?? ''
    const sender = `@member${n}:${name}` as const
    for (const displayname of ['', `Member ${n}`]) {
      const content = { membership: 'join', displayname }
      room.add({ type: 'm.room.member', sender, stateKey: sender, content, signer: others.signer(name) })
    }
  }
  return room
}

/** With the parameter's name in Matrix 1.12 and the one before. */
export function joinPath({ roomId }: PeerRoom, { names: [via = ''] }: Pick<ForeignServers, 'names'>): string {
  return `/join/${encodeURIComponent(roomId)}?via=${via}&server_name=${via}`
}

export async function countJoined(client: Client, { roomId }: PeerRoom): Promise<number> {
  const { joined } = await client.get(`/rooms/${encodeURIComponent(roomId)}/joined_members`)
  return Object.keys(joined as object).length
}
