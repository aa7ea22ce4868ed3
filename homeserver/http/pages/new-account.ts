/** Somebody whom a provider has shown to us chooses a user name, once. */
import { MatrixError } from '../../core/errors.ts'
import { acceptedVersions } from '../../domain/accounts/terms.ts'
import type { SignUp } from '../../domain/sso/external-accounts.ts'
import type { Services } from '../services.ts'
import { html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { continueOf, cookieHeader, page, seeOther, type Submission, type Visit, withContinue } from './page.ts'
import { checkbox, errorNote, field } from './parts.ts'
import { documentLinks } from './register.ts'

const newAccount = page({
  path: '/auth/new',
  limit: 'register',
  show: async (visit, services) => {
    const signUp = await services.externalAccounts.signUpOf(visit.cookie)
    return signUp ? show(visit, services, signUp) : seeOther(withContinue('/login', continueOf(visit.query)))
  },
  submit: async (visit, services) => {
    const signUp = await services.externalAccounts.signUpOf(visit.cookie)
    if (!signUp) return seeOther(withContinue('/login', continueOf(visit.query)))
    try {
      const problem = problemOf(visit, services, signUp)
      if (problem !== undefined) return show(visit, services, signUp, { error: problem, status: 400 })
      const userId = await services.externalAccounts.signUp(visit.cookie, chosenIn(visit, services, signUp))
      const { cookie } = await services.signIn.begin(userId, visit.cookie)
      return seeOther(continueOf(visit.query), cookieHeader(cookie, services))
    } catch (error) {
      const status = error instanceof MatrixError ? error.status : 500
      return show(visit, services, signUp, { error: refusalText(visit.messages, error), status })
    }
  },
})

const needsInvitation = ({ ssoProviders }: Services, { provider }: SignUp): boolean =>
  ssoProviders.find(provider)?.signUps !== 'open'

function problemOf({ form, messages }: Submission, services: Services, signUp: SignUp): string | undefined {
  if (needsInvitation(services, signUp) && !form.get('invite')) return messages.badInvite
  const { terms } = services.config.registration
  return terms.every(({ id }) => form.has(`terms-${id}`)) ? undefined : messages.termsMissing
}

function chosenIn({ form }: Submission, services: Services, signUp: SignUp) {
  const { terms } = services.config.registration
  return {
    username: form.get('username')?.trim() ?? '',
    registrationToken: needsInvitation(services, signUp) ? (form.get('invite')?.trim() ?? '') : undefined,
    acceptedTerms: terms.length > 0 ? acceptedVersions(terms) : undefined,
  }
}

function show(
  visit: Visit & { readonly form?: URLSearchParams },
  services: Services,
  signUp: SignUp,
  { error, status = 200 }: { error?: string; status?: number } = {},
) {
  const { messages, form, token } = visit
  const { config } = services
  const name = { name: 'username', label: messages.username, hint: messages.usernameStays, autocomplete: 'username' }
  const invite = { name: 'invite', label: messages.inviteCode, hint: messages.inviteHint, isPlain: true }
  return visit.page({
    title: messages.createOn(config.server_name),
    status,
    content: html`${errorNote(error)}
      ${signUp.displayname !== undefined && html`<p>${messages.hello(signUp.displayname)}</p>`}
      <form method="post">
        ${token} ${field({ ...name, value: form?.get('username') ?? signUp.localpart, isPlain: true })}
        ${needsInvitation(services, signUp) && field({ ...invite, value: form?.get('invite') ?? undefined })}
        ${config.registration.terms.map((document) =>
          checkbox({ name: `terms-${document.id}`, isRequired: true, label: documentLinks(messages, document) }),
        )}
        <p class="actions"><button>${messages.createAccount}</button></p>
      </form>`,
  })
}

export const newAccountPages = newAccount
