/**
 * P16: every endpoint, asked in ways made from its own declaration. Whatever is asked: no fault, a Matrix error for what is
 * refused, an answer within a second, and the same verdict on both databases.
 *
 * FUZZ_SECONDS makes it longer, with a new seed each time; FUZZ_SEED repeats a run.
 */
import { randomInt } from 'node:crypto'
import { Agent } from 'node:http'
import { expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import type { Endpoint } from '../../homeserver/http/endpoint.ts'
import { endpoints } from '../../homeserver/http/endpoints.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { checkConsistency } from '../drills/consistency.ts'
import { type Dialect, postgresMissing } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { FuzzWorld, users } from './fuzz-world.ts'
import { type FuzzRequest, requestsOf } from './generate-request.ts'
import { type RawAnswer, sendRaw } from './raw-request.ts'

const { FUZZ_SECONDS: givenSeconds, FUZZ_SEED: givenSeed } = process.env
const seconds = Number(givenSeconds ?? 30)
// The suite asks the same each time, so that it fails for what was changed; who asks for longer asks for something new.
const seed = Number(givenSeed ?? (givenSeconds === undefined ? 1 : randomInt(2 ** 31)))
const SLOW_MS = 1_000

jest.setTimeout((seconds + 60) * 1_000)

test(`no request makes a fault (seed ${seed})`, async () => {
  const dialects: Dialect[] = postgresMissing === undefined ? ['sqlite', 'postgres'] : ['sqlite']
  await using stack = new AsyncDisposableStack()
  const agent = new Agent({ keepAlive: true })
  stack.defer(() => agent.destroy())
  const servers: TestServer[] = []
  for (const database of dialects) servers.push(stack.use(await startServer({ database, config: 'webhooks: on' })))
  const prototype = Reflect.ownKeys(Object.prototype)
  const problems: string[] = []
  const carriedOut = new Set<Endpoint>()
  let asked = 0
  const until = performance.now() + seconds * 1_000
  for (let round = 0; performance.now() < until; round++) {
    // Much of the world is gone at the end of a round, by requests that do what they are asked.
    const worlds = await Promise.all(servers.map((server) => FuzzWorld.make(server, round)))
    for (const [endpoint, request] of requestsOfRound(seed + round)) {
      if (performance.now() > until) break
      asked++
      const { verdicts, problems: found } = await examine(endpoint, request, worlds, agent)
      problems.push(...found)
      if (verdicts.some((verdict) => Number(verdict) < 400)) carriedOut.add(endpoint)
      if (verdicts.some((verdict) => verdict.includes('M_UNKNOWN_TOKEN')) && !(await revive(worlds))) break
    }
  }
  expect(Reflect.ownKeys(Object.prototype)).toEqual(prototype)
  for (const { server } of servers) {
    await server.settle() // somebody may still be on the way out of rooms
    await using database = await Database.open({ url: server.services.config.database.url })
    problems.push(...(await checkConsistency(database)))
  }
  const never = endpoints.filter((endpoint) => !carriedOut.has(endpoint))
  process.stderr.write(
    `${asked} requests on ${dialects.join(' and ')}, seed ${seed}: ` +
      `${carriedOut.size} of ${endpoints.length} endpoints did what they were asked at least once\n` +
      never.map(({ method, paths: [path] }) => `  never: ${method} ${path}\n`).join(''),
  )
  expect([...new Set(problems)]).toEqual([])
})

const PER_ENDPOINT = 4

/** All endpoints in another order each time. */
function requestsOfRound(seed: number): (readonly [Endpoint, FuzzRequest])[] {
  const requests = endpoints.flatMap((endpoint) =>
    fc.sample(requestsOf(endpoint), { seed, numRuns: PER_ENDPOINT }).map((request) => [endpoint, request] as const),
  )
  const { length } = requests
  const [shuffled = []] = fc.sample(fc.shuffledSubarray(requests, { minLength: length }), { seed, numRuns: 1 })
  return shuffled
}

/** False if somebody cannot be brought back. */
async function revive(worlds: readonly FuzzWorld[]): Promise<boolean> {
  const alive = await Promise.all(worlds.flatMap((world) => users.map((user) => world.revive(user))))
  return alive.every(Boolean)
}

/** Sends a request to all worlds; what they say, and what is wrong with it, each problem in one line. */
async function examine(
  endpoint: Endpoint,
  request: FuzzRequest,
  worlds: readonly FuzzWorld[],
  agent: Agent,
): Promise<{ readonly verdicts: readonly string[]; readonly problems: readonly string[] }> {
  const patience = mayWait(endpoint) ? 3_000 : 20_000
  const answers = await Promise.all(worlds.map((world) => ask(world, request, agent, patience)))
  const verdicts = answers.map((answer) => (answer === undefined ? 'silence' : verdictOf(answer)))
  const problems = answers.flatMap((answer) => problemOf(endpoint, answer) ?? [])
  if (new Set(verdicts).size > 1) problems.push(`differs: ${verdicts.join(' and ')}`)
  return { verdicts, problems: problems.map((problem) => `${problem}: ${describeRequest(request)}`) }
}

async function ask(
  world: FuzzWorld,
  request: FuzzRequest,
  agent: Agent,
  patienceMs: number,
): Promise<RawAnswer | undefined> {
  const { method, as, headers } = request
  const token: Record<string, string> = as === undefined ? {} : { authorization: `Bearer ${world.client(as).token}` }
  const target = world
    .resolve(request.target, as)
    .replace(/\{\{uri:(.*?)\}\}(?=[/&?]|$)/gs, (_, text: string) => encodeURIComponent(world.resolve(text, as)))
  const body = typeof request.body === 'string' ? world.resolve(request.body, as) : request.body
  const raw = { url: world.server.url, method, target, headers: { ...token, ...headers }, body }
  const answer = await sendRaw(agent, raw, patienceMs)
  if (!answer) return undefined
  // The machine may have been busy: what is slow is slow every time. What was answered first counts: a logout is done once.
  let { ms } = answer
  for (let tries = 1; ms > SLOW_MS && tries < 5; tries++) ms = (await sendRaw(agent, raw, patienceMs))?.ms ?? ms
  return { ...answer, ms }
}

function verdictOf({ status, body }: RawAnswer): string {
  return status < 400 ? String(status) : `${status} ${String(errorOf(body)?.errcode)}`
}

function problemOf(endpoint: Endpoint, answer: RawAnswer | undefined): string | undefined {
  if (!answer) return mayWait(endpoint) ? undefined : 'no answer'
  const { status, contentType, body, ms } = answer
  const isAwaited = status === 504 && errorOf(body)?.errcode === 'M_NOT_YET_UPLOADED' // what the specification wants
  if (status >= 500 && !isAwaited) return `${status} ${body.toString().slice(0, 100)}`
  if (ms > SLOW_MS && !mayWait(endpoint)) return `${Math.round(ms)} ms`
  if (status < 400) return undefined
  if (contentType.startsWith('text/html')) return undefined // pages for people, such as the fallback of a login
  const error = errorOf(body)
  const isError =
    typeof error?.errcode === 'string' ||
    (status === 401 && error && 'flows' in error) ||
    (isOAuth(endpoint) && typeof error?.error === 'string')
  return isError && contentType.startsWith('application/json') ? undefined : `${status} without errcode`
}

/** Long polls, and downloads of what is still to come. */
function mayWait({ paths }: Endpoint): boolean {
  return paths.some((path) => /\/(sync|events|download|thumbnail)\b/.test(path))
}

/** These say what is wrong as OAuth does (RFC 6749 section 5.2), without an errcode. */
function isOAuth({ paths }: Endpoint): boolean {
  return paths.some((path) => path.startsWith('/oauth/'))
}

interface ErrorBody {
  readonly errcode?: unknown
  readonly error?: unknown
}

function errorOf(body: Buffer): ErrorBody | undefined {
  try {
    return JSON.parse(body.toString()) as ErrorBody
  } catch {
    return undefined
  }
}

function describeRequest({ method, target, as, headers, body }: FuzzRequest): string {
  const text = body === undefined ? '' : body.toString().slice(0, 300)
  return `${method} ${target.slice(0, 300)} as ${as} ${JSON.stringify(headers).slice(0, 120)} ${text}`
}
