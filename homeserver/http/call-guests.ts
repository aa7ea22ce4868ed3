/** What the page of a guest asks: to come into the call, who is in it, and to leave it. And LiveKit's client, from here. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { z } from 'zod'
import { callsOf } from './client/rtc.ts'
import { endpoint, Reply } from './endpoint.ts'

const common = { method: 'POST', auth: 'none' } as const
const stay = z.object({ key: z.string() })

const join = endpoint({
  ...common,
  path: '/call/:token/join',
  limit: 'register',
  body: z.object({ name: z.string() }),
  handle: async ({ params, body }, services) => {
    const { url, jwt, key, userId } = await callsOf(services).guests.join(params.token, body.name)
    return { url, jwt, key, user_id: userId }
  },
})

/** What those are called who have the names of the keys at the SFU. */
const people = endpoint({
  ...common,
  path: '/call/:token/people',
  limit: 'read',
  body: stay,
  handle: async ({ body }, services) => ({ people: await callsOf(services).guests.people(body.key) }),
})

const leave = endpoint({
  ...common,
  path: '/call/:token/leave',
  limit: 'write',
  body: stay,
  handle: async ({ body }, services) => {
    await callsOf(services).guests.leave(body.key)
    return {}
  },
})

const require = createRequire(import.meta.url)
export const callClientPath = '/call/livekit-client.js'

/** Made once, when the first guest comes: a quarter of the size. */
const compressed = once(async () => promisify(gzip)(await readFile(require.resolve('livekit-client')), { level: 9 }))

const client = endpoint({
  method: 'GET',
  path: callClientPath,
  auth: 'none',
  limit: 'read',
  handle: async () =>
    new Reply(200, await compressed(), {
      'Content-Type': 'text/javascript; charset=utf-8',
      'Content-Encoding': 'gzip',
      'Cache-Control': 'public, max-age=86400',
      'X-Content-Type-Options': 'nosniff',
    }),
})

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

export const callGuestEndpoints = [join, people, leave, client]
