/** Logging in by Telegram, and linking an account with it: a bot shows six digits, and somebody types them here. */
import type { Browser, OpenPage } from '../../domain/telegram-login/login-pages.ts'
import { provider as providerId } from '../../domain/telegram-login/people.ts'
import { notFound } from '../../core/errors.ts'
import type { Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { linkTo, welcome } from './external.ts'
import { type Html, html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { continueOf, page, seeOther, toLogin, type Visit, withContinue } from './page.ts'
import { errorNote, field } from './parts.ts'

const WAIT_SECONDS = 3

const telegram = page({
  path: '/auth/telegram',
  show: async (visit, services) => {
    if (mustLogIn(visit)) return toLogin(visit, { again: 'yes' })
    const tgUser = await services.telegramPages.takeConfirmed(browserOf(visit))
    return tgUser === undefined ? await show(visit, services) : await goOn(visit, services, tgUser)
  },
  submit: async (visit, services) => {
    if (mustLogIn(visit)) return toLogin(visit, { again: 'yes' })
    const { messages, form } = visit
    const typed = await services.telegramPages.type(browserOf(visit), form.get('code') ?? '')
    switch (typed.is) {
      case 'proved':
        return await goOn(visit, services, typed.tgUser)
      case 'asked':
        return seeOther(visit.here)
      case 'wrong':
        return await show(visit, services, { error: messages.telegramWrong, status: 403 })
      case 'unreadable':
        return await show(visit, services, { error: messages.telegramUnreadable, status: 400 })
      case 'over':
        return await show(visit, services, { error: messages.telegramOver, status: 403 })
    }
  },
})

const isForLink = ({ query }: Visit): boolean => query.has('link')

/** An account is linked only by somebody who has just shown that it is theirs (T94). */
function mustLogIn(visit: Visit): boolean {
  return isForLink(visit) && visit.visitor?.isRecent !== true
}

function browserOf(visit: Visit): Browser {
  const { cookie, ip, userAgent } = visit
  return { cookie, ip, userAgent, purpose: isForLink(visit) ? 'link' : 'login' }
}

async function goOn(visit: Visit, services: Services, tgUser: string): Promise<Reply> {
  const provider = services.ssoProviders.find(providerId)
  if (!provider) throw notFound(visit.messages.telegramOff)
  const person = await services.telegramPeople.personOf(tgUser)
  if (!isForLink(visit)) return await welcome(visit, services, person, { way: continueOf(visit.query), provider })
  const userId = visit.visitor?.userId
  return userId === undefined ? toLogin(visit) : await linkTo(userId, services, person)
}

async function show(
  visit: Visit,
  services: Services,
  { error, status = 200 }: { error?: string; status?: number } = {},
): Promise<Reply> {
  const { messages } = visit
  const bot = services.telegramPeople.bot?.username
  const title = isForLink(visit) ? messages.telegramLinkTitle : messages.telegramTitle
  if (bot === undefined || services.config.telegram.login.mode === 'off') {
    if (hasOwnLogin(services)) return seeOther(ownLogin(visit))
    if (bot !== undefined && services.telegramWidget) return seeOther(widgetOf(visit))
    return visit.page({ title, status: 404, content: html`<p role="alert">${messages.telegramOff}</p>` })
  }
  try {
    const open = await services.telegramPages.open(browserOf(visit))
    if (open.state === 'asked') return showAsked(visit, title)
    return showForm(visit, services, { title, bot, open, error, status })
  } catch (refusal) {
    const text = refusalText(messages, refusal)
    return visit.page({ title, status: 429, content: html`<p role="alert">${text}</p>` })
  }
}

function showForm(
  visit: Visit,
  services: Services,
  shown: { title: string; bot: string; open: OpenPage; error: string | undefined; status: number },
): Reply {
  const { messages, token, here, query } = visit
  const { title, bot, open, error, status } = shown
  const picture = html`<p>${messages.telegramOr(bot)}</p>
    <p class="picture">${open.icon}</p>`
  const code = { name: 'code', label: messages.telegramCode, autocomplete: 'one-time-code', maxLength: 40 }
  return visit.page({
    title,
    status,
    content: html`${errorNote(error)}
      <p>${messages.telegramPress}</p>
      <p class="actions">
        <a class="button" href="https://t.me/${bot}?start=L${open.nonce}" target="_blank" rel="noopener">
          ${messages.telegramOpen(bot)}</a
        >
      </p>
      ${services.config.telegram.login.mode === 'match' && picture}
      <form method="post" action="${here}">
        ${token} ${field({ ...code, inputMode: 'numeric', isCode: true })}
        <p class="actions"><button>${messages.proceed}</button></p>
      </form>
      <p class="soft">${messages.telegramWarning(bot)}</p>
      ${hasOwnLogin(services) && ownLoginButton(visit)} ${services.telegramWidget && widgetButton(visit)}
      ${!isForLink(visit) && html`<p><a href="${withContinue('/login', continueOf(query))}">${messages.otherWays}</a></p>`}`,
  })
}

/** Telegram's own login, where the bot and its codes are not needed. */
const hasOwnLogin = ({ config }: Services): boolean => config.telegram.login.client_id !== undefined

function ownLogin(visit: Visit): string {
  const path = `/auth/oidc/${providerId}`
  return isForLink(visit) ? `${path}?link=1` : withContinue(path, continueOf(visit.query))
}

function ownLoginButton(visit: Visit): Html {
  const { messages } = visit
  return html`<p class="or"><span>${messages.or}</span></p>
    <p class="actions column"><a class="button plain" href="${ownLogin(visit)}">${messages.telegramOwn}</a></p>`
}

function widgetOf(visit: Visit): string {
  const path = '/auth/telegram/widget'
  return isForLink(visit) ? `${path}?link=1` : withContinue(path, continueOf(visit.query))
}

function widgetButton(visit: Visit): Html {
  return html`<p class="actions column">
    <a class="button plain" href="${widgetOf(visit)}">${visit.messages.telegramWidgetInstead}</a>
  </p>`
}

/** Looks again and again, by itself and by the button. */
function showAsked(visit: Visit, title: string): Reply {
  const { messages, here } = visit
  return visit.page({
    title,
    refreshAfter: WAIT_SECONDS,
    content: html`<p role="status">${messages.telegramAsked}</p>
      <p class="actions"><a class="button plain" href="${here}">${messages.proceed}</a></p>`,
  })
}

export const telegramPages = telegram
