/** Telegram's login widget: a page with a script of Telegram's, only where the administrator wants that, and the way back. */
import { notFound } from '../../core/errors.ts'
import { provider } from '../../domain/telegram-login/people.ts'
import type { Reply } from '../endpoint.ts'
import { comeBack, orFailed } from './external.ts'
import { html } from './html.ts'
import { continueOf, page, toLogin, type Visit, withContinue } from './page.ts'

const SCRIPT = 'https://telegram.org/js/telegram-widget.js'
const VERSION = '?22' // a content security policy may not name it
const FRAME = 'https://oauth.telegram.org'

export const telegramWidgetPages = page({
  path: '/auth/telegram/widget',
  show: async (visit, services) => {
    const { telegramWidget: widget, telegramPeople } = services
    const bot = telegramPeople.bot?.username
    if (!widget || bot === undefined) throw notFound(visit.messages.telegramOff)
    if (visit.query.has('hash')) {
      return await orFailed(visit, () => comeBack(visit, services, widget, provider))
    }
    const isForLink = visit.query.has('link')
    if (isForLink && visit.visitor?.isRecent !== true) return toLogin(visit, { again: 'yes' })
    const purpose = { way: continueOf(visit.query), linksUserId: isForLink ? visit.visitor?.userId : undefined }
    return show(visit, bot, await widget.begin(provider, visit.cookie, purpose))
  },
})

/** `back` is where the widget sends people. */
function show(visit: Visit, bot: string, back: string): Reply {
  const { messages, query } = visit
  const codes = query.has('link') ? '/auth/telegram?link=1' : withContinue('/auth/telegram', continueOf(query))
  return visit.page({
    title: query.has('link') ? messages.telegramLinkTitle : messages.telegramTitle,
    embeds: { scripts: [SCRIPT], frames: [FRAME] },
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin-allow-popups', 'Referrer-Policy': 'strict-origin' },
    content: html`<p>${messages.telegramWidget}</p>
      <p class="actions">
        <script
          async
          src="${SCRIPT}${VERSION}"
          data-telegram-login="${bot}"
          data-size="large"
          data-auth-url="${back}"
        ></script>
      </p>
      <p><a href="${codes}">${messages.otherWays}</a></p>`,
  })
}
