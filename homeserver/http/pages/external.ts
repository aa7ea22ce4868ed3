/** What the pages of all providers have in common: before somebody goes there, and after. */
import { MatrixError } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { OidcLogins } from '../../domain/sso/oidc-logins.ts'
import type { SsoProvider } from '../../domain/sso/providers.ts'
import type { ExternalPerson } from '../../domain/sso/external-accounts.ts'
import { newCookie } from '../../domain/oauth/browser-sessions.ts'
import type { Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { type Html, html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { continueOf, cookieHeader, seeOther, toLogin, type Visit, withContinue } from './page.ts'
import { errorNote } from './parts.ts'

/** A button for each provider; they lead on to where the page would. */
export function providerLinks({ messages, query }: Visit, { ssoProviders }: Services): Html | false {
  const providers = ssoProviders.ready
  if (providers.length === 0) return false
  return html`<p class="or"><span>${messages.or}</span></p>
    <p class="actions column">
      ${providers.map(
        ({ name, path }) =>
          html`<a class="button plain" href="${withContinue(path, continueOf(query))}"
            >${messages.continueWith(name)}</a
          >`,
      )}
    </p>`
}

/** Somebody is sent back by the provider of this name. */
export async function comeBack(
  visit: Visit,
  services: Services,
  logins: Pick<OidcLogins, 'finish'>,
  name: string,
): Promise<Reply> {
  const { person, way, linksUserId } = await logins.finish(name, visit.cookie, visit.query)
  // the cookie has come from the same browser, so this is who has begun it, unless they have logged out
  if (linksUserId !== undefined) {
    return visit.visitor?.userId === linksUserId ? await linkTo(linksUserId, services, person) : toLogin(visit)
  }
  const provider = services.ssoProviders.find(name)
  return provider ? await welcome(visit, services, person, { way, provider }) : seeOther(withContinue('/login', way))
}

/** What is refused on the way is told by a page that leads to the login. */
export async function orFailed(visit: Visit, act: () => Promise<Reply>): Promise<Reply> {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error
    const { messages } = visit
    return visit.page({
      title: messages.sorry,
      status: error.status,
      content: html`${errorNote(refusalText(messages, error))}
        <p class="actions"><a class="button plain" href="/login">${messages.logIn}</a></p>`,
    })
  }
}

/** The account of somebody who is logged in is linked with who they are there; back to the page where that is seen. */
export async function linkTo(userId: UserId, { externalAccounts }: Services, person: ExternalPerson): Promise<Reply> {
  try {
    await externalAccounts.link(userId, person)
    return seeOther('/account?action=logins&linked=1')
  } catch (error) {
    if (!(error instanceof MatrixError && error.errcode === 'M_FORBIDDEN')) throw error
    return seeOther('/account?action=logins&taken=1')
  }
}

/**
 * Somebody has shown who they are elsewhere: they are logged in, or choose a user name. The cookie from before is good
 * no more, whoever may have put it there.
 */
export async function welcome(
  visit: Visit,
  services: Services,
  person: ExternalPerson,
  { way, provider }: { readonly way: string; readonly provider: SsoProvider },
): Promise<Reply> {
  const { externalAccounts, signIn } = services
  const userId = await externalAccounts.logIn(person)
  if (userId !== undefined) {
    const { cookie, isComplete } = await signIn.begin(userId, visit.cookie)
    return seeOther(isComplete ? way : withContinue('/login/second', way), cookieHeader(cookie, services))
  }
  if (provider.signUps === 'closed') {
    const { messages } = visit
    return visit.page({
      title: messages.noAccountThere(provider.name),
      status: 403,
      content: html`<p>${messages.linkFirst(provider.name)}</p>
        <p class="actions"><a class="button plain" href="${withContinue('/login', way)}">${messages.logIn}</a></p>`,
    })
  }
  const cookie = newCookie()
  await externalAccounts.beginSignUp(cookie, person)
  return seeOther(withContinue('/auth/new', way), cookieHeader(cookie, services))
}
