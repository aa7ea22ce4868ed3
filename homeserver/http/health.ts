import { endpoint, Reply } from './endpoint.ts'

const common = { method: 'GET', auth: 'none', limit: 'none' } as const
const text = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }

/** The process lives: who answers this need not be restarted. */
const live = endpoint({ ...common, path: '/healthz', handle: () => new Reply(200, 'ok\n', text) })

/** The server can do its work, and will go on: send people here. */
const ready = endpoint({
  ...common,
  path: '/readyz',
  handle: async ({ signal }, { health }) => {
    if (signal.aborted) return new Reply(503, 'the server stops\n', text)
    return (await health.isReady())
      ? new Reply(200, 'ok\n', text)
      : new Reply(503, 'the database does not answer\n', text)
  },
})

export const healthEndpoints = [live, ready]
