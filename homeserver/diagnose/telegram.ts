/** Whether the bot of the Telegram bridge is ours, hears people, and whether the homeserver knows the bridge. */
import { stat } from 'node:fs/promises'
import type { Config } from '../config/schema.ts'
import { registrationPath } from '../telegram.ts'
import { fail, type Finding, good, warn } from './finding.ts'
import { type Ask, tried } from './network.ts'

const AREA = 'telegram'

interface Me {
  readonly username?: string
  readonly can_read_all_group_messages?: boolean
}

/** Nothing says the token, which is in the addresses. */
export async function lookAtTelegram(config: Config, asking: Ask): Promise<Finding[]> {
  const { bot_token: token, api_root: root } = config.telegram
  if (!token) return []
  const bot = `${root.replace(/\/+$/, '')}/bot${token.reveal()}`
  const [me, webhook] = await Promise.all(
    ['getMe', 'getWebhookInfo'].map(async (name) => {
      const answer = await tried(() => asking(`${bot}/${name}`))
      return typeof answer === 'string' ? answer.replaceAll(token.reveal(), '[redacted]') : answer
    }),
  )
  return [...lookAtBot(root, me), ...lookAtWebhook(webhook), await lookAtRegistration(registrationPath(config))]
}

type Tried = Awaited<ReturnType<Ask>> | string | undefined

function lookAtBot(root: string, answer: Tried): Finding[] {
  const elsewhere = 'telegram.api_root, or the way out of this network'
  if (answer === undefined || typeof answer === 'string') {
    return [fail(AREA, `${root} does not answer: ${answer ?? ''}`, elsewhere)]
  }
  if (answer.status === 401 || answer.status === 404) {
    return [fail(AREA, 'Telegram does not know the token of the bot', 'ask @BotFather for it: telegram.bot_token_file')]
  }
  const me = resultOf<Me>(answer.text)
  if (answer.status !== 200 || !me)
    return [fail(AREA, `Something else answers at ${root}: ${answer.status}`, elsewhere)]
  const name = `@${me.username ?? ''}`
  if (me.can_read_all_group_messages === true) return [good(AREA, `${name} hears groups`)]
  return [
    good(AREA, `The token is that of ${name}`),
    warn(
      AREA,
      `${name} is in privacy mode: it hears groups only where it is administrator`,
      '@BotFather: /setprivacy, Disable; then take it out of its groups and in again',
    ),
  ]
}

function lookAtWebhook(answer: Tried): Finding[] {
  if (typeof answer !== 'object' || !resultOf<{ url?: string }>(answer.text)?.url) return []
  const fix = 'stop the other program that uses the bot, or take a bot of its own; the bridge takes the webhook away'
  return [warn(AREA, 'Another program has set a webhook for the bot', fix)]
}

async function lookAtRegistration(path: string): Promise<Finding> {
  const found = await stat(path).catch(() => undefined)
  if (!found) return fail(AREA, `The registration of the bridge is missing: ${path}`, 'npm start makes it')
  if ((found.mode & 0o077) !== 0) return fail(AREA, `${path} can be read by others`, `chmod 600 ${path}`)
  return good(AREA, 'The bridge is registered')
}

function resultOf<T extends object>(text: string): T | undefined {
  try {
    return (JSON.parse(text) as { result?: T }).result
  } catch {
    return undefined
  }
}
