/** Back to the client that has sent somebody to log in, with a token for it. */
import { checkRedirectUrl, isTrusted, withLoginToken } from '../../domain/sso/redirect-url.ts'
import type { Visitor } from '../../domain/oauth/browser-sessions.ts'
import type { Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { formTarget } from './authorize.ts'
import { html } from './html.ts'
import { page, seeOther, type Visit, withContinue } from './page.ts'

/** Apps on telephones take a while to come to the front. */
const TOKEN_MS = 60_000

const sso = page({
  path: '/auth/sso',
  show: async (visit, services) => {
    const redirectUrl = checkRedirectUrl(visit.query.get('redirectUrl') ?? '')
    if (!visit.visitor) return toStart(visit, services)
    const isExpected = isTrusted(redirectUrl, services.config.auth.sso_trusted)
    return isExpected ? await goBack(visit.visitor, redirectUrl, services) : ask(visit, visit.visitor, redirectUrl)
  },
  submit: async (visit, services) => {
    const redirectUrl = checkRedirectUrl(visit.query.get('redirectUrl') ?? '')
    return visit.visitor ? await goBack(visit.visitor, redirectUrl, services) : seeOther(visit.here)
  },
})

async function goBack({ userId }: Visitor, redirectUrl: URL, { login }: Services): Promise<Reply> {
  const { token } = await login.issueToken(userId, { expiresInMs: TOKEN_MS })
  return seeOther(withLoginToken(redirectUrl, token))
}

/** Whoever gets the token is the user: so people see where it goes. */
function ask(visit: Visit, { userId }: Visitor, redirectUrl: URL): Reply {
  const { messages, token, here } = visit
  const place = redirectUrl.host === '' ? redirectUrl.protocol.slice(0, -1) : redirectUrl.host
  return visit.page({
    title: messages.continueTo(place),
    formTargets: [formTarget(redirectUrl.href)],
    content: html`<dl>
        <dt>${messages.youAre}</dt>
        <dd>${userId}</dd>
        <dt>${messages.goesTo}</dt>
        <dd>${redirectUrl.origin === 'null' ? redirectUrl.protocol : redirectUrl.origin}</dd>
      </dl>
      <p>${messages.allowsAll}</p>
      <p class="soft">${messages.onlyIfYou}</p>
      <form method="post" action="${here}">
        ${token}
        <p class="actions"><button>${messages.proceed}</button></p>
      </form>
      <p><a href="${withContinue('/login', here)}">${messages.anotherAccount}</a></p>`,
  })
}

/** To the provider that the client has named, or to all ways there are. */
function toStart({ query, here }: Visit, { ssoProviders }: Services): Reply {
  const provider = ssoProviders.find(query.get('provider') ?? '')
  const path = provider?.path ?? (query.get('action') === 'register' ? '/register' : '/login')
  return seeOther(withContinue(path, here))
}

export const ssoPages = sso
