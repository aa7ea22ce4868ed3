/** Synapse and a server of ours, each once as the host and once as the guest. */
import type { Client } from '../support/client.ts'
import { type Home, missingPrograms, type MixedWorld, startMixed } from '../support/mixed.ts'
import { Watcher } from '../support/watcher.ts'

export const directions = ['Synapse hosts us', 'we host Synapse'] as const
export type Direction = (typeof directions)[number]

/** Follows the name of a group of tests that are skipped. */
export const whyNot = missingPrograms.map((name) => ` (no ${name})`).join('')

export class TwoSides implements AsyncDisposable {
  readonly world: MixedWorld
  #people = 0

  private constructor(world: MixedWorld) {
    this.world = world
  }

  static async start(): Promise<TwoSides> {
    return new TwoSides(await startMixed(1))
  }

  of(direction: Direction): { readonly host: Home; readonly guest: Home } {
    const { synapse } = this.world
    const [ours] = this.world.ours
    if (!ours) throw new Error('no server of ours')
    return direction === 'Synapse hosts us' ? { host: synapse, guest: ours } : { host: ours, guest: synapse }
  }

  /** A new account, whose client has synced once. */
  async person(home: Home): Promise<Watcher> {
    const watcher = new Watcher(await home.register(this.newName('person')))
    await watcher.sync(0)
    return watcher
  }

  newName(prefix: string): string {
    return `${prefix}${++this.#people}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]()
  }
}

export const inRoom = (roomId: string, path: string): string => `/rooms/${encodeURIComponent(roomId)}/${path}`

/** By id or alias; gives the id. */
export async function enter(client: Client, room: string, via: Home, how: 'join' | 'knock' = 'join'): Promise<string> {
  const server = encodeURIComponent(via.name)
  const path = `/${how}/${encodeURIComponent(room)}?via=${server}&server_name=${server}`
  return (await client.post(path))['room_id'] as string
}
