/**
 * Jest runs this once, before all tests and in the process that lasts as long as they do.
 *
 * Most runs touch a few files and need no Postgres. So the cluster starts when a test first asks for it, which tests do
 * by a request to the address left in the environment (see `databases.ts`).
 *
 * A directory gathers which answers the tests have seen (see `answers.ts`).
 */
import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gatheredIn } from './answers.ts'
import { findPostgres, startPostgres } from './postgres.ts'

export default async function prepare(): Promise<void> {
  process.env[gatheredIn] = mkdtempSync(join(tmpdir(), 'domovoi-answered-'))
  await offerPostgres()
}

async function offerPostgres(): Promise<void> {
  const { env } = process
  if (env['TEST_PG'] || env['TEST_PG_OFFER']) return
  const bin = findPostgres()
  if (!bin) return
  let started: Promise<string> | undefined
  const server = createServer((_request, response) => {
    response.setHeader('connection', 'close') // or Jest waits for it
    started ??= startPostgres(bin)
    started.then(
      (url) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  env['TEST_PG_OFFER'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
