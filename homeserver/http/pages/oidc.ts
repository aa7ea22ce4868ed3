/** To an OpenID provider, and back from there. */
import { MatrixError } from '../../core/errors.ts'
import type { Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { linkTo, welcome } from './external.ts'
import { html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { continueOf, cookieHeader, page, seeOther, toLogin, type Visit, withContinue } from './page.ts'
import { errorNote } from './parts.ts'

const start = page({
  path: '/auth/oidc/:provider',
  show: async (visit, services) => {
    const isForLink = visit.query.has('link')
    if (isForLink && visit.visitor?.isRecent !== true) return toLogin(visit, { again: 'yes' })
    const purpose = { way: continueOf(visit.query), linksUserId: isForLink ? visit.visitor?.userId : undefined }
    return await orFailed(visit, async () =>
      seeOther(
        await services.oidcLogins.begin(providerOf(visit), visit.cookie, purpose),
        cookieHeader(visit.cookie, services),
      ),
    )
  },
})

const callback = page({
  path: '/auth/oidc/:provider/callback',
  show: async (visit, services) => await orFailed(visit, () => finish(visit, services)),
})

async function finish(visit: Visit, services: Services): Promise<Reply> {
  const id = providerOf(visit)
  const { person, way, linksUserId } = await services.oidcLogins.finish(id, visit.cookie, visit.query)
  // the cookie has come from the same browser, so this is who has begun it, unless they have logged out
  if (linksUserId !== undefined) {
    return visit.visitor?.userId === linksUserId ? await linkTo(linksUserId, services, person) : toLogin(visit)
  }
  const provider = services.ssoProviders.find(id)
  return provider ? await welcome(visit, services, person, { way, provider }) : seeOther(withContinue('/login', way))
}

/** `/auth/oidc/<id>` */
const providerOf = ({ here }: Visit): string => decodeURIComponent(here.split(/[/?]/)[3] ?? '')

async function orFailed(visit: Visit, act: () => Promise<Reply>): Promise<Reply> {
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

export const oidcPages = [...start, ...callback]
