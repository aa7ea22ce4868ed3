/** What the Telegram bot asks: see docs/telegram-login.md, and `core/telegram-login.ts` for the bodies. */
import type { z } from 'zod'
import { forbidden, invalidParam } from '../../core/errors.ts'
import { parseMxc } from '../../core/ids.ts'
import * as bodies from '../../core/telegram-login.ts'
import { type Answer, type Endpoint, endpoint } from '../endpoint.ts'
import type { Services } from '../services.ts'

const bridgeId = 'telegram'

/** A call that only the bridge may make. */
function call<Body extends z.ZodType>(
  name: string,
  body: Body,
  act: (body: z.output<Body>, services: Services, signal: AbortSignal) => Promise<object | void>,
): Endpoint {
  return endpoint({
    method: 'POST',
    path: `/_internal/telegram/${name}`,
    auth: 'appservice',
    limit: 'none',
    body,
    handle: async ({ who, body: given, signal }, services): Promise<Answer> => {
      if (who.appserviceId !== bridgeId) throw forbidden('This is for the bridge to Telegram')
      return (await act(given, services, signal)) ?? {}
    },
  })
}

export const telegramEndpoints = [
  call('bot', bodies.botBody, async ({ id, username }, { telegramPeople, config }) => {
    await telegramPeople.setBot({ botId: id, username })
    const { server_name, public_url: url } = config
    const pages = { url: `${url}/auth/telegram`, chats_url: `${url}/account?action=telegram` }
    return { server_name, ...pages, mode: config.telegram.login.mode } satisfies bodies.BotAnswer
  }),
  call('login/start', bodies.loginStartBody, async ({ person, nonce }, { telegramBotLogin }) =>
    telegramBotLogin.start(person, nonce ?? undefined),
  ),
  call('login/match', bodies.loginMatchBody, async ({ tg_user, choice }, { telegramBotLogin }) =>
    telegramBotLogin.match(tg_user, choice),
  ),
  call('login/confirm', bodies.loginDecisionBody, async ({ tg_user, code_id }, { telegramBotLogin }) =>
    telegramBotLogin.confirm(tg_user, code_id),
  ),
  call('login/deny', bodies.loginDecisionBody, async ({ tg_user, code_id }, { telegramBotLogin }) =>
    telegramBotLogin.deny(tg_user, code_id),
  ),
  call('account', bodies.accountBody, async (by, { telegramPeople }) => telegramPeople.accountOf(by)),
  call('profile', bodies.profileBody, async ({ person, avatar_url }, { telegramPeople }) =>
    telegramPeople.refresh(person, avatar_url ?? undefined),
  ),
  call('settings', bodies.settingsBody, async ({ tg_user, login_enabled }, { telegramPeople }) =>
    telegramPeople.setLoginEnabled(tg_user, login_enabled),
  ),
  call('link/start', bodies.linkStartBody, async ({ user_id }, { telegramBotLinks }) =>
    telegramBotLinks.start(user_id),
  ),
  call('link/open', bodies.linkOpenBody, async ({ person, nonce }, { telegramBotLinks }) =>
    telegramBotLinks.open(person, nonce),
  ),
  call('link/confirm', bodies.linkConfirmBody, async ({ tg_user, nonce }, { telegramBotLinks }) =>
    telegramBotLinks.confirm(tg_user, nonce),
  ),
  call('unlink', bodies.telegramUserBody, async ({ tg_user }, { telegramBotLinks }) =>
    telegramBotLinks.unlink(tg_user),
  ),
  call('sessions', bodies.telegramUserBody, async ({ tg_user }, { telegramBotLinks }) => ({
    sessions: await telegramBotLinks.listSessions(tg_user),
  })),
  call('sessions/end', bodies.endSessionsBody, async ({ tg_user, device_id }, { telegramBotLinks }) =>
    telegramBotLinks.endSessions(tg_user, device_id ?? undefined),
  ),
  call('media/link', bodies.mediaLinkBody, async ({ mxc }, { mediaLinks }) => {
    const file = parseMxc(mxc)
    if (!file) throw invalidParam('mxc must be the address of a file')
    const { url, expiresTs } = await mediaLinks.make(file)
    return { url, expires_ts: expiresTs } satisfies bodies.MediaLinkAnswer
  }),
  call('events', bodies.eventsBody, async ({ after, timeout_ms: timeoutMs }, { telegramBotEvents }, signal) => {
    const events = await telegramBotEvents.poll(after, { timeoutMs, signal })
    return { events, next: events.at(-1)?.id ?? after }
  }),
]
