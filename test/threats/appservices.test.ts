import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { expect, jest, test } from '@jest/globals'
import { TestAppservice } from '../support/appservice.ts'
import type { Client } from '../support/client.ts'
import { forEachDatabase } from '../support/databases.ts'
import { Place } from '../support/program.ts'

jest.setTimeout(90_000) // whole processes, started again and again

const ROUNDS = 4
const PER_ROUND = 15

/** The program, with a service that it tells. */
async function furnish(place: Place, databaseUrl: string, service: TestAppservice): Promise<void> {
  const config = `
server_name: hs.test
data_dir: ${place.path('data')}
listen: { host: 127.0.0.1, port: ${place.port} }
database: { url: '${databaseUrl}' }
limits: { preset: off }
log: { level: info, format: json }
${service.config}`
  await writeFile(place.path('config.yaml'), config)
}

/** Sends until it is acknowledged: what a killed server did not answer is sent again by the same transaction id. */
async function persist(irc: Client, path: string, body: object, up: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await irc.put(path, body)
      return
    } catch {
      await up()
    }
  }
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

forEachDatabase(({ freshUrl }) => {
  test('T87: however often the server is killed, a service is told everything, in order, and nothing by two transactions', async () => {
    await using place = await Place.make()
    await using service = await TestAppservice.start()
    await furnish(place, await freshUrl(), service)
    // One of three transactions is taken; one is refused, and one gets no answer before the server is killed.
    let count = 0
    let isOver = false
    service.answer = ({ path }) => {
      if (isOver || !path.includes('/transactions/')) return {}
      count++
      return count % 3 === 0 ? { status: 500 } : count % 3 === 1 ? undefined : {}
    }
    let running = place.start()
    await running
    const irc = service.client(place)
    const roomId = await irc.createRoom()
    const room = `/rooms/${encodeURIComponent(roomId)}`
    for (let round = 0; round < ROUNDS; round++) {
      const sends = Array.from({ length: PER_ROUND }, (_, n) =>
        persist(irc, `${room}/send/m.room.message/${round}-${n}`, { body: `${round}-${n}` }, () => running),
      )
      await Promise.race(sends.slice(5))
      await service.until(() => service.transactions.length > round)
      const { child } = await running
      running = kill(child).then(() => place.start())
      await running
      await Promise.all(sends)
    }
    isOver = true
    service.hangUp()
    await irc.put(`${room}/send/m.room.message/last`, { body: 'last' })
    await service.event(({ content }) => content['body'] === 'last')

    const { chunk } = await irc.get(`${room}/messages?dir=f&limit=1000`)
    const inRoom = (chunk as { event_id: string }[]).map(({ event_id: id }) => id)
    expect(inRoom.length).toBeGreaterThan(ROUNDS * PER_ROUND)
    expect(service.events.map(({ event_id: id }) => id as string)).toEqual(inRoom)
    const contents = new Map<string, string>()
    for (const { path, body } of service.transactions) {
      const ids = JSON.stringify((body['events'] as { event_id: string }[]).map(({ event_id: id }) => id))
      expect(contents.get(path) ?? ids).toBe(ids)
      contents.set(path, ids)
    }
    expect([...contents.keys()].map((path) => Number(path.split('/').at(-1)))).toEqual(
      Array.from(contents, (_, index) => index + 1),
    )
  })

  test('T86: everything a service is told carries the token that proves who speaks, and no address shows it', async () => {
    await using place = await Place.make()
    await using service = await TestAppservice.start()
    await furnish(place, await freshUrl(), service)
    const { log } = await place.start()
    const irc = service.client(place)
    await irc.createRoom()
    await service.until(() => service.transactions.length > 0)
    for (const { authorization, path, query } of service.told) {
      expect(authorization).toBe('Bearer hs_token-of-irc')
      expect(`${path}?${query.toString()}`).not.toContain('token')
    }
    expect(JSON.stringify(log)).not.toContain('_token-of-irc')
  })
})
