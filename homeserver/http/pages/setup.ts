/** Making the first administrator, by the link that the server writes at its start; then the way to Element. */
import { MatrixError } from '../../core/errors.ts'
import { hasElementWeb } from '../element-web.ts'
import type { Services } from '../services.ts'
import { html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { cookieHeader, page, seeOther, type Submission, type Visit } from './page.ts'
import { errorNote, field } from './parts.ts'
import { newPasswordFields, passwordProblem } from './register.ts'

const setup = page({
  path: '/setup/:token',
  limit: 'register',
  show: async (visit, services) =>
    (await services.firstAdmin.isOpen(tokenOf(visit))) ? showForm(visit, services) : showOver(visit),
  submit: async (visit, services) => {
    if (!(await services.firstAdmin.isOpen(tokenOf(visit)))) return showOver(visit)
    const problem = passwordProblem(visit)
    if (problem !== undefined) return showForm(visit, services, { error: problem, status: 400 })
    try {
      return await makeAdmin(visit, services)
    } catch (error) {
      const status = error instanceof MatrixError ? error.status : 500
      return showForm(visit, services, { error: refusalText(visit.messages, error), status })
    }
  },
})

/** What comes after it. */
const done = page({
  path: '/setup',
  show: async (visit, { config }) => {
    const { messages, visitor } = visit
    if (!visitor) return seeOther('/')
    const element = (await hasElementWeb(config.data_dir)) ? '/element/' : 'https://app.element.io/#/login'
    return visit.page({
      title: messages.setupDone(config.server_name),
      content: html`<p>${visitor.isAdmin && messages.setupIsAdmin} ${messages.setupElement}</p>
        <dl>
          <dt>${messages.homeserver}</dt>
          <dd>${config.public_url}</dd>
          <dt>${messages.userId}</dt>
          <dd>${visitor.userId}</dd>
        </dl>
        <p class="actions">
          <a class="button" href="${element}" rel="noreferrer">${messages.openElement}</a>
          <a class="button plain" href="/account">${messages.yourAccount}</a>
        </p>
        ${config.registration.mode === 'invite' && html`<p class="soft">${messages.setupInvite}</p>`}`,
    })
  },
})

function tokenOf({ here }: Visit): string {
  const [, token = ''] = /^\/setup\/([\w-]{1,64})(?:\?|$)/.exec(here) ?? []
  return token
}

async function makeAdmin(visit: Submission, services: Services) {
  const { form, cookie: before, ip } = visit
  const username = form.get('username')?.trim() ?? ''
  const userId = await services.registration.checkAvailable(username)
  const account = { userId, displayname: username, password: form.get('password') ?? '', ip }
  if (!(await services.firstAdmin.make(tokenOf(visit), account))) return showOver(visit)
  const { cookie } = await services.signIn.begin(userId, before)
  return seeOther('/setup', cookieHeader(cookie, services))
}

function showOver(visit: Visit) {
  const { messages } = visit
  return visit.page({
    title: messages.sorry,
    status: 404,
    content: html`<p role="alert">${messages.setupOver}</p>
      <p class="soft">${messages.haveAccount} <a href="/login">${messages.logIn}</a></p>`,
  })
}

function showForm(
  visit: Visit & { readonly form?: URLSearchParams },
  { config }: Services,
  { error, status = 200 }: { error?: string; status?: number } = {},
) {
  const { messages, form, token } = visit
  const name = { name: 'username', label: messages.username, hint: messages.usernameStays, autocomplete: 'username' }
  return visit.page({
    title: messages.setupTitle(config.server_name),
    status,
    content: html`<p>${messages.setupText}</p>
      ${errorNote(error)}
      <form method="post">
        ${token} ${field({ ...name, value: form?.get('username') ?? undefined, isPlain: true })}
        ${newPasswordFields(messages)}
        <p class="actions"><button>${messages.createAccount}</button></p>
      </form>`,
  })
}

export const setupPages = [...setup, ...done]
