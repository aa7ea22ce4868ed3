/** Logging in on the server's own pages: a first step, and perhaps a second factor. */
import { MatrixError } from '../../core/errors.ts'
import type { LoginField, LoginMethod, SecondFactor } from '../../domain/oauth/sign-in.ts'
import type { Services } from '../services.ts'
import { providerLinks } from './external.ts'
import { type Html, html } from './html.ts'
import { type Messages, refusalText } from './messages/messages.ts'
import { continueOf, cookieHeader, page, seeOther, type Submission, type Visit, withContinue } from './page.ts'
import { errorNote, field } from './parts.ts'
import { passkeyForm, passkeyScript } from './passkey-form.ts'

const login = page({
  path: '/login',
  show: (visit, services) => showLogin(visit, services, { username: usernameOf(visit) }),
  submit: async (visit, services) => {
    const method = services.signIn.methods.find(({ id }) => id === visit.form.get('method'))
    if (!method) return showLogin(visit, services, {})
    try {
      const userId = await services.signIn.prove(method, visit.form, visit.ip, visit.cookie)
      const { cookie, isComplete } = await services.signIn.begin(userId, visit.cookie, method)
      const way = continueOf(visit.query)
      return seeOther(isComplete ? way : withContinue('/login/second', way), cookieHeader(cookie, services))
    } catch (error) {
      const text = refusalText(visit.messages, error)
      const status = error instanceof MatrixError ? error.status : 500
      return showLogin(visit, services, { error: text, status, username: visit.form.get('username') ?? undefined })
    }
  },
})

interface Shown {
  readonly username?: string | undefined
  readonly error?: string
  readonly status?: number
}

function showLogin(visit: Visit, services: Services, { username, error, status = 200 }: Shown) {
  const { messages, query } = visit
  const { config, signIn } = services
  const isAgain = visit.visitor !== undefined && query.has('again')
  const register = html`<p class="soft">
    ${messages.noAccount} <a href="${withContinue('/register', continueOf(query))}">${messages.createAccount}</a>
  </p>`
  return visit.page({
    title: messages.logInTo(config.server_name),
    status,
    script: passkeyScript,
    content: html`${isAgain && html`<p>${messages.again}</p>`}${errorNote(error)}
    ${signIn.methods.map((method) => methodForm(visit, method, username))} ${providerLinks(visit, services)}
    ${services.mailer.isOn && html`<p class="soft"><a href="/forgot">${messages.forgotPassword}</a></p>`}
    ${config.registration.mode !== 'closed' && !isAgain && register}`,
  })
}

function methodForm(visit: Visit, { id, fields }: LoginMethod, username: string | undefined): Html {
  const { token, messages } = visit
  if (fields.some(isPasskey)) return passkeyForm(visit, { act: 'get', button: messages.usePasskey, isPlain: true })
  return html`<form method="post">
    ${token}<input type="hidden" name="method" value="${id}" />
    ${fields.map((one) => loginField(messages, one, one.name === 'username' ? username : undefined))}
    <p class="actions"><button>${messages.logIn}</button></p>
  </form>`
}

const isPasskey = ({ type }: LoginField): boolean => type === 'passkey'

function loginField(messages: Messages, { name, type, autocomplete }: LoginField, value?: string): Html {
  const labels: Readonly<Record<string, string>> = { username: messages.username, password: messages.password }
  return field({
    name,
    type: type === 'password' ? type : 'text',
    autocomplete,
    value,
    label: labels[name] ?? messages.code,
    isPlain: type === 'text',
  })
}

/** From the client's `login_hint`, or who is logged in already. */
function usernameOf({ query, visitor }: Visit): string | undefined {
  return query.get('hint')?.replace(/^mxid:/, '') ?? visitor?.userId
}

const second = page({
  path: '/login/second',
  show: (visit, services) => showSecond(visit, services),
  submit: async (visit, services) => {
    if (!visit.halfway) return seeOther(withContinue('/login', continueOf(visit.query)))
    try {
      return await submitSecond(visit, services)
    } catch (error) {
      return await showSecond(visit, services, refusalText(visit.messages, error))
    }
  },
})

async function submitSecond({ halfway, cookie, form, ip, query, messages, ...visit }: Submission, services: Services) {
  const { userId, awaitsFactor } = halfway ?? {}
  const given = userId && awaitsFactor !== undefined && { userId, awaitsFactor, cookie }
  const complete = given ? await services.signIn.complete(given, form, ip) : undefined
  if (complete !== undefined) return seeOther(continueOf(query), cookieHeader(complete, services))
  return showSecond({ halfway, cookie, ip, query, messages, ...visit }, services, messages.wrongCode)
}

async function showSecond(visit: Visit, { signIn }: Services, error?: string) {
  const { halfway, messages, query } = visit
  const { userId, awaitsFactor } = halfway ?? {}
  if (userId === undefined || awaitsFactor === undefined) return seeOther(withContinue('/login', continueOf(query)))
  return visit.page({
    title: messages.secondStep,
    status: error === undefined ? 200 : 403,
    script: passkeyScript,
    content: html`${errorNote(error)}
    ${(await signIn.factorsFor({ userId, awaitsFactor })).map((factor) => factorForm(visit, factor))}`,
  })
}

function factorForm(visit: Visit, { id, field: asked }: SecondFactor): Html {
  const { messages, token } = visit
  if (isPasskey(asked)) return passkeyForm(visit, { act: 'get', button: messages.usePasskey, isPlain: true })
  return html`<form method="post">
    ${token}<input type="hidden" name="method" value="${id}" /> ${loginField(messages, asked)}
    <p class="actions"><button>${messages.proceed}</button></p>
  </form>`
}

const logout = page({
  path: '/logout',
  submit: async ({ cookie }, { browserSessions }) => {
    await browserSessions.end(cookie)
    return seeOther('/login')
  },
})

export const loginPages = [...login, ...second, ...logout]
