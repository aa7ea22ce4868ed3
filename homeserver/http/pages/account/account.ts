/** The account page: one address, and a view for each action. https://spec.matrix.org/v1.19/client-server-api/#oauth-20-account-management */
import type { Reply } from '../../endpoint.ts'
import type { Visitor } from '../../../domain/oauth/browser-sessions.ts'
import type { Services } from '../../services.ts'
import { attributes, type Html, html } from '../html.ts'
import type { Messages } from '../messages/messages.ts'
import { page, toLogin, type Submission, type Visit } from '../page.ts'
import { type AccountView, accountView } from './actions.ts'
import { dataView } from './data.ts'
import { deactivateView } from './deactivate.ts'
import { deviceView, devicesView, endView } from './devices.ts'
import { emailsView } from './emails.ts'
import { loginsView } from './logins.ts'
import { passkeysView } from './passkeys.ts'
import { passwordView } from './password.ts'
import { profileView } from './profile.ts'
import { resetView } from './reset.ts'
import { secondFactorView } from './second-factor.ts'
import { telegramChatsView } from './telegram-chats.ts'
import type { AccountVisit, View } from './view.ts'

const views: Readonly<Record<AccountView, View>> = {
  profile: profileView,
  devices: devicesView,
  device: deviceView,
  end: endView,
  password: passwordView,
  data: dataView,
  deactivate: deactivateView,
  reset: resetView,
  logins: loginsView,
  emails: emailsView,
  second_factor: secondFactorView,
  passkeys: passkeysView,
  telegram: telegramChatsView,
}

const account = page({
  path: '/account',
  show: async (visit, services) =>
    await withView(visit, async (view, visitor) => view.show(await accountVisit(visit, visitor, services), services)),
  submit: async (visit, services) =>
    await withView(visit, async (view, visitor) => {
      const own = { ...(await accountVisit(visit, visitor, services)), form: visit.form }
      return view.submit ? await view.submit(own, services) : await view.show(own, services)
    }),
})

/** What cannot be undone is only for somebody who has logged in lately. */
async function withView(visit: Visit, act: (view: View, visitor: Visitor) => Promise<Reply>): Promise<Reply> {
  const view = views[accountView(visit.query.get('action') ?? undefined)]
  if (!visit.visitor) return toLogin(visit)
  if (view.isGrave && !visit.visitor.isRecent) return toLogin(visit, { again: 'yes' })
  return await act(view, visit.visitor)
}

async function accountVisit<V extends Visit | Submission>(visit: V, visitor: Visitor, services: Services) {
  const { messages } = visit
  const hidden = await hiddenFrom(visitor, services)
  const active = accountView(visit.query.get('action') ?? undefined)
  return {
    ...visit,
    visitor,
    page: (shown: Parameters<AccountVisit['page']>[0]) =>
      visit.page({ ...shown, isWide: true, navigation: navigation(messages, active, hidden) }),
    serverName: services.config.server_name,
  }
}

/** Chats of Telegram are for those who are linked with somebody there. */
async function hiddenFrom({ userId }: Visitor, { telegramChats, externalAccounts }: Services): Promise<AccountView[]> {
  const links = telegramChats.isOn ? await externalAccounts.list(userId) : []
  return links.some(({ provider }) => provider === 'telegram') ? [] : ['telegram']
}

const entries: readonly (readonly [view: AccountView, action: string, text: (messages: Messages) => string])[] = [
  ['profile', 'org.matrix.profile', ({ profile }) => profile],
  ['devices', 'org.matrix.devices_list', ({ sessions }) => sessions],
  ['password', 'password', ({ password }) => password],
  ['emails', 'emails', ({ emails }) => emails],
  ['logins', 'logins', ({ waysIn }) => waysIn],
  ['second_factor', 'second_factor', ({ secondFactor }) => secondFactor],
  ['passkeys', 'passkeys', ({ passkeys }) => passkeys],
  ['telegram', 'telegram', ({ telegramChats }) => telegramChats],
  ['data', 'data', ({ yourData }) => yourData],
]

function navigation(messages: Messages, active: AccountView, hidden: readonly AccountView[]): Html {
  const shown = entries.filter(([view]) => !hidden.includes(view))
  const items = shown.map(
    ([view, action, text]) =>
      html`<li>
        <a ${attributes({ href: `/account?action=${action}`, 'aria-current': view === active && 'page' })}
          >${text(messages)}</a
        >
      </li>`,
  )
  return html`<nav aria-label="${messages.account}">
    <ul>
      ${items}
    </ul>
  </nav>`
}

export const accountPages = account
