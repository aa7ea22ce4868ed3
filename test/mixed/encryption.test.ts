/** People with standard clients, two on servers of ours and one on Synapse, in one encrypted room: everybody reads everything. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Element, until, verify } from '../e2e/element.ts'
import { type Home, missingPrograms, type MixedWorld, startMixed } from '../support/mixed.ts'
import { whyNot } from './two-sides.ts'

const describeMixed = missingPrograms.length === 0 ? describe : describe.skip

describeMixed(`encryption beside Synapse${whyNot}`, () => {
  let world: MixedWorld
  beforeAll(async () => {
    world = await startMixed(2)
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
  })

  const placed = (): Record<'one' | 'two' | 'synapse', Home> => {
    const [one, two] = world.ours
    if (!one || !two) throw new Error('no servers')
    return { one, two, synapse: world.synapse }
  }

  test.each([
    ['a server of ours', ['one', 'synapse', 'two']],
    ['Synapse', ['synapse', 'one', 'two']],
  ] as const)(
    'what is said in a room of %s decrypts on all servers, and people verify each other',
    async (_, order) => {
      const homes = placed()
      const start = (name: string, at: keyof typeof homes): Promise<Element> =>
        Element.start(homes[at], `${name}_of_${order[0]}`, 'register')
      await using alice = await start('alice', order[0])
      await using bob = await start('bob', order[1])
      await using carol = await start('carol', order[2])
      const everybody = [alice, bob, carol]
      for (const person of everybody) await person.setUpRecovery()

      const room = await alice.createEncryptedRoom([bob.userId, carol.userId])
      for (const guest of [bob, carol]) await guest.join(room)
      for (const person of everybody) await meets(person, { others: others(everybody, person), room })

      for (const speaker of everybody) {
        for (const text of [`first of ${speaker.userId}`, `second of ${speaker.userId}`]) {
          await speaker.say(room, text)
          for (const listener of others(everybody, speaker)) {
            expect((await listener.hears(room, text)).isEncrypted()).toBe(true)
          }
        }
      }

      await verify(alice, bob, room)
      await until('both trust each other', async () => (await alice.trusts(bob)) && (await bob.trusts(alice)))
      await bob.say(room, 'Now I know who you are.')
      for (const listener of [alice, carol]) await listener.hears(room, 'Now I know who you are.')
    },
    240_000,
  )
})

function others(everybody: readonly Element[], person: Element): Element[] {
  return everybody.filter((other) => other !== person)
}

/** Resolves when what that person says will be encrypted for the devices of the others. */
async function meets(person: Element, { others, room: id }: { others: readonly Element[]; room: string }) {
  const room = person.client.getRoom(id)
  if (!room) throw new Error(`${person.userId} does not know ${id}`)
  await room.loadMembersIfNeeded()
  for (const other of others) {
    await until(`${person.userId} sees ${other.userId}`, () => room.getMember(other.userId)?.membership === 'join')
  }
  person.crypto.prepareToEncrypt(room) // which looks for devices
  for (const other of others) await until(`${person.userId} knows ${other.userId}`, () => person.knowsDevice(other))
}
