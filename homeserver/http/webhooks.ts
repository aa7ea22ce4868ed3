/** Where programs post what shall be said in a room: docs/webhooks.md. */
import { z } from 'zod'
import type { WebhookPost } from '../core/webhooks.ts'
import { readBytes } from './body.ts'
import { type Answer, type Endpoint, endpoint, Reply } from './endpoint.ts'

/** More than an event can hold. */
const MAX_BODY = 128 * 1024

const query = z.looseObject({ wait: z.string().optional() })

/** What is answered to whom: programs look for what the service answers that they were written for. */
const answers: Readonly<Record<string, (eventId: string, wait: boolean) => Answer>> = {
  '': (eventId) => ({ event_id: eventId }),
  '/slack': () => new Reply(200, 'ok', { 'content-type': 'text/plain' }),
  '/discord': (eventId, wait) => (wait ? { id: eventId } : new Reply(204)),
}

const post = (suffix: '' | '/slack' | '/discord', dialect: WebhookPost['dialect']): Endpoint =>
  endpoint({
    method: 'POST',
    path: `/webhooks/:hookId/:secret${suffix}`,
    auth: 'none',
    limit: 'write',
    query,
    body: 'stream',
    maxBody: MAX_BODY,
    handle: async ({ params, query: { wait }, request }, { webhooks }): Promise<Answer> => {
      const { headers } = request
      const deliveryId = headers['idempotency-key'] ?? headers['x-github-delivery']
      const eventId = await webhooks.pass({
        hookId: params.hookId,
        secret: params.secret,
        dialect,
        contentType: (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '',
        body: await readBytes(request, MAX_BODY),
        deliveryId: typeof deliveryId === 'string' ? deliveryId : undefined,
      })
      const answer = answers[suffix]
      return answer ? answer(eventId, wait === 'true') : {}
    },
  })

export const webhookEndpoints: readonly Endpoint[] = [
  post('', undefined),
  post('/slack', 'slack'),
  post('/discord', 'discord'),
]
