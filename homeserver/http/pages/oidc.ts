/** To an OpenID provider, and back from there. */
import { comeBack, orFailed } from './external.ts'
import { continueOf, cookieHeader, page, seeOther, toLogin, type Visit } from './page.ts'

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
  show: async (visit, services) =>
    await orFailed(visit, () => comeBack(visit, services, services.oidcLogins, providerOf(visit))),
})

/** `/auth/oidc/<id>` */
const providerOf = ({ here }: Visit): string => decodeURIComponent(here.split(/[/?]/)[3] ?? '')

export const oidcPages = [...start, ...callback]
