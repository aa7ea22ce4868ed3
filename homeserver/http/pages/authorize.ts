/** The authorization endpoint. https://spec.matrix.org/v1.19/client-server-api/#authorisation-code-flow */
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { type AuthorizationRequest, replyLocation, type ReplyAddress } from '../../domain/oauth/authorization.ts'
import { clientName } from '../../domain/oauth/client-metadata.ts'
import type { Reply } from '../endpoint.ts'
import { issuerOf } from '../client/auth-metadata.ts'
import type { Services } from '../services.ts'
import { consentForm, placeOf } from './consent.ts'
import { html } from './html.ts'
import { page, seeOther, type Visit } from './page.ts'

const authorize = page({
  path: '/oauth/authorize',
  show: (visit, services) => withRequest(visit, services, (address, request) => ask(visit, address, request)),
  submit: (visit, services) =>
    withRequest(visit, services, async (address, request) => {
      if (!visit.visitor) return seeOther(visit.here)
      const issuer = issuerOf(services.config)
      if (visit.form.get('decision') !== 'allow') {
        return seeOther(replyLocation(address, issuer, { error: 'access_denied' }))
      }
      const code = await services.authorization.issueCode(visit.visitor.userId, request)
      return seeOther(replyLocation(address, issuer, { code }))
    }),
})

/**
 * What is wrong is shown, with a way back to the client where there is one. The browser is not sent there by itself:
 * clients register as they like, and a link to this server would lead to any place in the world (T66, T67).
 */
async function withRequest(
  visit: Visit,
  services: Services,
  act: (address: ReplyAddress, request: AuthorizationRequest) => Reply | Promise<Reply>,
): Promise<Reply> {
  const { messages, query } = visit
  let address: ReplyAddress | undefined
  try {
    address = await services.authorization.replyAddress(query)
    return await act(address, services.authorization.request(address, query))
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    const answer = { error: error.code, error_description: error.message }
    const back = address && replyLocation(address, issuerOf(services.config), answer)
    const name = address && (placeOf(address.redirectUri) ?? clientName(address.client.metadata, messages.language))
    return visit.page({
      title: messages.badRequestTitle,
      status: 400,
      content: html`<p>${messages.badRequest}</p>
        <p class="soft">${error.code}: ${error.message}</p>
        ${name !== undefined && html`<p><a class="button plain" href="${back}">${messages.backTo(name)}</a></p>`}`,
    })
  }
}

function ask(visit: Visit, { redirectUri }: ReplyAddress, { client, scope }: AuthorizationRequest): Reply {
  const { messages, visitor, query } = visit
  const prompt = query.get('prompt')?.split(' ') ?? []
  if (prompt.includes('create')) return toStart('/register', visit)
  if (!visitor || prompt.includes('login')) return toStart('/login', visit)
  const asked = { visitor, client, redirectUri, scope: scope.text, deviceId: scope.deviceId }
  return visit.page({
    title: messages.allowTitle(clientName(client.metadata, messages.language)),
    formTargets: [formTarget(redirectUri)],
    content: consentForm(visit, { ...asked, warning: messages.onlyIfYou }),
  })
}

/** To log in or register, and back here, without asking for it once more. */
function toStart(path: string, { query }: Visit): Reply {
  const rest = new URLSearchParams(query)
  rest.delete('prompt')
  const hint = query.get('login_hint')
  const way = new URLSearchParams({
    ...(hint === null ? {} : { hint }),
    continue: `/oauth/authorize?${rest.toString()}`,
  })
  return seeOther(`${path}?${way.toString()}`)
}

/** Where the form may lead, as a source of a content security policy, which knows no address in brackets. */
export function formTarget(redirectUri: string): string {
  const [scheme = ''] = redirectUri.split(':')
  if (scheme !== 'https' && scheme !== 'http') return `${scheme}:`
  const { origin, hostname } = new URL(redirectUri)
  return hostname.startsWith('[') ? `${scheme}:` : origin
}

export const authorizePages = authorize
