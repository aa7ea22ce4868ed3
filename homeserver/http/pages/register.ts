/** Making an account in a browser, by the rules that hold for clients too. */
import type { Config } from '../../config/schema.ts'
import { MatrixError } from '../../core/errors.ts'
import { acceptedVersions } from '../../domain/accounts/terms.ts'
import type { UserId } from '../../core/ids.ts'
import type { Services } from '../services.ts'
import { providerLinks } from './external.ts'
import { type Html, html } from './html.ts'
import { type Messages, refusalText } from './messages/messages.ts'
import { continueOf, cookieHeader, page, seeOther, type Submission, type Visit, withContinue } from './page.ts'
import { checkbox, errorNote, field } from './parts.ts'
import { type EmailStep, provenEmail, showEmailStep, submitEmailStep } from './email-step.ts'

const MIN_PASSWORD = 8

const register = page({
  path: '/register',
  limit: 'register',
  show: async (visit, services) => {
    const step = emailStep(visit, services)
    const needsEmail = wantsEmail(services.config) && !(await provenEmail(visit, services, step))
    return needsEmail ? showEmailStep(visit, step) : showRegister(visit, services)
  },
  submit: async (visit, services) => {
    if (services.config.registration.mode === 'closed') return showRegister(visit, services)
    const step = emailStep(visit, services)
    const email = wantsEmail(services.config) ? await provenEmail(visit, services, step) : undefined
    if (wantsEmail(services.config) && !email) return await submitEmailStep(visit, services, step)
    const problem = problemOf(visit, services.config)
    if (problem !== undefined) return showRegister(visit, services, { error: problem, status: 400 })
    try {
      const userId = await makeAccount(visit, services)
      if (email) await services.threePids.add(userId, email, 'register')
      const { cookie } = await services.signIn.begin(userId, visit.cookie)
      return seeOther(continueOf(visit.query), cookieHeader(cookie, services))
    } catch (error) {
      const status = error instanceof MatrixError ? error.status : 500
      return showRegister(visit, services, { error: refusalText(visit.messages, error), status })
    }
  },
})

function emailStep({ messages }: Visit, { config }: Services): EmailStep {
  const title = messages.createOn(config.server_name)
  return { purpose: 'register', path: '/register', title, hint: messages.emailHint }
}

function wantsEmail({ registration: { mode, email } }: Config): boolean {
  return mode !== 'closed' && email === 'required'
}

/** What a person can put right without a look at the database. */
function problemOf(visit: Submission, { registration: { mode, terms } }: Config): string | undefined {
  const { form, messages } = visit
  if (mode === 'invite' && !form.get('invite')) return messages.badInvite
  if (!terms.every(({ id }) => form.has(`terms-${id}`))) return messages.termsMissing
  return passwordProblem(visit)
}

/** What is wrong with a new password before it is looked at closely. */
export function passwordProblem({ form, messages }: Pick<Submission, 'form' | 'messages'>): string | undefined {
  const password = form.get('password') ?? ''
  if (password.length < MIN_PASSWORD) return messages.passwordMissing
  return password === form.get('repeated') ? undefined : messages.passwordsDiffer
}

async function makeAccount({ form }: Submission, services: Services): Promise<UserId> {
  const { config, registration } = services
  const { mode, terms } = config.registration
  const username = form.get('username')?.trim() ?? ''
  const userId = await registration.checkAvailable(username)
  await registration.register({
    userId,
    displayname: username,
    password: form.get('password') ?? '',
    registrationToken: mode === 'invite' ? (form.get('invite')?.trim() ?? '') : undefined,
    acceptedTerms: terms.length > 0 ? acceptedVersions(terms) : undefined,
  })
  return userId
}

function showRegister(
  visit: Visit & { readonly form?: URLSearchParams },
  services: Services,
  { error, status = 200 }: { error?: string; status?: number } = {},
) {
  const { messages, query, form, token } = visit
  const { config } = services
  const { mode, terms } = config.registration
  const login = html`<p class="soft">
    ${messages.haveAccount} <a href="${withContinue('/login', continueOf(query))}">${messages.logIn}</a>
  </p>`
  const title = messages.createOn(config.server_name)
  if (mode === 'closed') {
    return visit.page({
      title,
      status: 403,
      content: html`<p>${messages.registrationClosed}</p>
        ${login}`,
    })
  }
  const invite = field({
    name: 'invite',
    label: messages.inviteCode,
    hint: messages.inviteHint,
    value: form?.get('invite') ?? query.get('invite') ?? undefined,
    isPlain: true,
  })
  const content = html`${errorNote(error)}
    <form method="post">
      ${token} ${mode === 'invite' && invite}
      ${field({
        name: 'username',
        label: messages.username,
        hint: messages.usernameHint,
        autocomplete: 'username',
        value: form?.get('username') ?? undefined,
        isPlain: true,
      })}
      ${newPasswordFields(messages)}
      ${terms.map((document) => checkbox({ name: `terms-${document.id}`, isRequired: true, label: documentLinks(messages, document) }))}
      <p class="actions"><button>${messages.createAccount}</button></p>
    </form>
    ${providerLinks(visit, services)} ${login}`
  return visit.page({ title, status, content })
}

export function newPasswordFields({ newPassword, repeatPassword }: Messages): Html {
  const shape = { type: 'password', autocomplete: 'new-password' } as const
  return html`${field({ ...shape, name: 'password', label: newPassword })}
  ${field({ ...shape, name: 'repeated', label: repeatPassword })}`
}

export function documentLinks(messages: Messages, document: Config['registration']['terms'][number]): Html {
  const { id: _id, version: _version, ...languages } = document
  const own = languages[messages.language] ?? Object.values(languages)[0]
  return html`${messages.accept} <a href="${own?.url}" target="_blank" rel="noopener">${own?.name}</a>`
}

export const registerPages = register
