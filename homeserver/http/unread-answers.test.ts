import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { createServer, IncomingMessage, request, ServerResponse } from 'node:http'
import { type AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { expect, test } from '@jest/globals'
import { until } from '../../test/support/until.ts'
import { Metrics } from '../platform/metrics.ts'
import { UnreadAnswers } from './unread-answers.ts'

const MIB = 1024 * 1024

/** A server whose answers are kept as the router has them kept. */
async function serving({ memoryBytes = 0, filesBytes }: { memoryBytes?: number; filesBytes?: number }, body: Buffer) {
  const directory = await mkdtemp(join(tmpdir(), 'domovoi-unread-'))
  const metrics = new Metrics()
  const parts = { directory, metrics, memoryBytes, ...(filesBytes === undefined ? {} : { filesBytes }) }
  const unread = new UnreadAnswers(parts)
  const answer = async (response: ServerResponse): Promise<void> => {
    const gone = once(response, 'close')
    const sent = await unread.keep(response, body)
    if (sent instanceof Buffer) return void response.end(sent)
    for await (const piece of sent) {
      if (response.destroyed) return
      await Promise.race([gone, new Promise<void>((resolve) => void response.write(piece, () => resolve()))])
    }
    response.end()
  }
  const server = createServer((_, response) => void answer(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    directory,
    /** Bytes that wait there. */
    waiting: (where: 'memory' | 'file') =>
      Number(new RegExp(`http_unread_${where}_bytes (\\d+)`).exec(metrics.text())?.[1]),
    /** Its headers have come; the rest comes as it is read. */
    async ask(): Promise<IncomingMessage> {
      const asking = request({ port, host: '127.0.0.1', agent: false }).end()
      const [response] = (await once(asking, 'response')) as [IncomingMessage]
      return response
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
      await rm(directory, { recursive: true })
    },
  }
}

test('what does not fit into memory waits in a file without a name, and comes as it was', async () => {
  const body = randomBytes(32 * MIB)
  await using server = await serving({ memoryBytes: 40 * MIB }, body)
  const [first, second] = [await server.ask(), await server.ask()]
  expect([server.waiting('memory'), server.waiting('file')]).toEqual([32 * MIB, 32 * MIB])
  expect(await readdir(server.directory)).toEqual([])
  expect(body.equals(await buffer(second))).toBe(true)
  expect(body.equals(await buffer(first))).toBe(true)
  await until(() => server.waiting('memory') + server.waiting('file') === 0)
})

test('when there is no room in files, the answer that has waited the longest is broken off', async () => {
  const body = randomBytes(32 * MIB)
  await using server = await serving({ filesBytes: 70 * MIB }, body)
  const [first, second] = [await server.ask(), await server.ask()]
  const broken = once(first, 'error')
  const third = await server.ask()
  first.resume()
  expect(((await broken)[0] as Error).message).toBe('aborted')
  expect(server.waiting('file')).toBe(64 * MIB)
  expect(body.equals(await buffer(second)) && body.equals(await buffer(third))).toBe(true)
  await until(() => server.waiting('file') === 0)
})

test('answers that will be long are made some at a time, and who goes away gives up the turn', async () => {
  const unread = new UnreadAnswers({ directory: tmpdir(), metrics: new Metrics() })
  const { signal } = new AbortController()
  const responses = Array.from({ length: 6 }, () => new ServerResponse(new IncomingMessage(new Socket())))
  const begun: number[] = []
  for (const [n, response] of responses.entries()) void unread.turn(response, signal).then(() => begun.push(n))
  await until(() => begun.length === 4)
  responses[2]?.emit('close')
  await until(() => begun.length === 5)
  if (responses[0]) unread.made(responses[0])
  await until(() => begun.length === 6)
  expect(begun).toEqual([0, 1, 2, 3, 4, 5])
})

test('a short answer is sent at once and counted nowhere', async () => {
  const body = randomBytes(1024)
  await using server = await serving({}, body)
  const answer = await server.ask()
  expect(server.waiting('file') + server.waiting('memory')).toBe(0)
  expect(body.equals(await buffer(answer))).toBe(true)
})
