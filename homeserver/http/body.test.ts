import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { MatrixError } from '../core/errors.ts'
import { readBytes } from './body.ts'

test('who sends too large a body without telling its length is told, not cut off', async () => {
  const server = createServer((request, response) => {
    void readBytes(request, 1000).catch((error: unknown) => {
      response.writeHead(error instanceof MatrixError ? error.status : 500).end()
      request.resume()
    })
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const body = new ReadableStream({
    start(controller) {
      for (let n = 0; n < 100; n++) controller.enqueue(Buffer.alloc(1000))
      controller.close()
    },
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}` // it listens
  const answer = await fetch(url, { method: 'POST', body, duplex: 'half' })
  expect(answer.status).toBe(413)
  server.closeAllConnections()
  await new Promise((resolve) => void server.close(resolve))
})
