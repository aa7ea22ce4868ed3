import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { expect, test } from '@jest/globals'
import { hasOpenssl, makeCertificate } from '../../test/support/certificates.ts'
import { listen } from './listener.ts'

/** Longer than a test may take. */
const GRACE_MS = 60_000
const host = '127.0.0.1'
const request = 'GET / HTTP/1.1\r\nHost: hs.test\r\n\r\n'

async function answerOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

test('what asks nothing does not hold up the end, what is at work is answered', async () => {
  const asked = Promise.withResolvers<() => void>()
  const listening = await listen((_, response) => asked.resolve(() => response.end('done')), { host, port: 0 })
  const [busy, spare] = [connect(listening.port, host), connect(listening.port, host)]
  await once(spare, 'connect')
  busy.write(request)
  const answer = await asked.promise
  const closed = listening.close(GRACE_MS)
  expect(await answerOf(spare)).toBe('')
  answer()
  expect(await answerOf(busy)).toContain('done')
  await closed
})

const withOpenssl = hasOpenssl ? test : test.skip

withOpenssl('with TLS it ends as soon, with and without a handshake', async () => {
  const { cert, key } = makeCertificate('hs.test')
  const listening = await listen((_, response) => response.end(), { host, port: 0, tls: { cert, key } })
  const silent = connect(listening.port, host)
  const spare = connectTls({ host, port: listening.port, rejectUnauthorized: false })
  const used = connectTls({ host, port: listening.port, rejectUnauthorized: false })
  await Promise.all([once(silent, 'connect'), once(spare, 'secureConnect')])
  used.write(request)
  await once(used, 'data')
  await Promise.all([listening.close(GRACE_MS), answerOf(silent), answerOf(spare), answerOf(used)])
})
