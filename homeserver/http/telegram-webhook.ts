/** Where Telegram tells of updates, in webhook mode. https://core.telegram.org/bots/api#setwebhook */
import { readBytes } from './body.ts'
import { type Answer, type Endpoint, endpoint } from './endpoint.ts'

/** Updates are far smaller. */
const MAX_BODY = 1024 * 1024

const telegramWebhook = endpoint({
  method: 'POST',
  path: '/telegram/webhook',
  auth: 'none',
  limit: 'none', // without the secret it costs next to nothing
  body: 'stream',
  maxBody: MAX_BODY,
  handle: async ({ request }, { telegramUpdates }): Promise<Answer> => {
    const secret = request.headers['x-telegram-bot-api-secret-token']
    await telegramUpdates.pass({
      secret: typeof secret === 'string' ? secret : undefined,
      read: () => readBytes(request, MAX_BODY),
    })
    return {}
  },
})

export const telegramWebhookEndpoints: readonly Endpoint[] = [telegramWebhook]
