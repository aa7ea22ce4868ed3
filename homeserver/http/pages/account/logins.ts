/** Who the account is linked with, so that its owner can log in by way of them. */
import { MatrixError } from '../../../core/errors.ts'
import type { SsoProvider } from '../../../domain/sso/providers.ts'
import type { Services } from '../../services.ts'
import { html } from '../html.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote } from '../parts.ts'
import type { AccountVisit, View } from './view.ts'

export const loginsView: View = {
  isGrave: true,
  show: async (visit, services) => await showLogins(visit, services),
  submit: async (visit, services) => {
    try {
      await services.externalAccounts.unlink(visit.visitor.userId, visit.form.get('provider') ?? '')
      return seeOther('/account?action=logins&unlinked=1')
    } catch (error) {
      if (!(error instanceof MatrixError && error.errcode === 'M_FORBIDDEN')) throw error
      return await showLogins(visit, services, visit.messages.onlyWay)
    }
  },
}

async function showLogins(visit: AccountVisit, services: Services, error?: string) {
  const { messages, visitor, query } = visit
  const links = await services.externalAccounts.list(visitor.userId)
  const linked = new Set(links.map(({ provider }) => provider))
  const providers = services.ssoProviders.ready
  const done = query.has('linked') ? messages.nowLinked : query.has('unlinked') ? messages.nowUnlinked : undefined
  const problem = error ?? (query.has('taken') ? messages.linkTaken : undefined)
  return visit.page({
    title: messages.waysIn,
    status: error === undefined ? 200 : 403,
    content: html`${errorNote(problem)}${problem === undefined && doneNote(done)}
      ${providers.length === 0 && html`<p>${messages.noOtherWays}</p>`}
      <ul class="list">
        ${providers.map((provider) => item(visit, provider, linked.has(provider.id)))}
      </ul>`,
  })
}

function item({ messages, token }: AccountVisit, { id, name, path }: SsoProvider, isLinked: boolean) {
  return html`<li>
    <div><h2>${isLinked ? messages.linkedWith(name) : messages.notLinkedWith(name)}</h2></div>
    ${
      isLinked
        ? html`<form method="post" action="/account?action=logins">
            ${token}<input type="hidden" name="provider" value="${id}" />
            <button class="plain">${messages.unlinkFrom(name)}</button>
          </form>`
        : html`<a class="button plain" href="${path}?link=1">${messages.linkWith(name)}</a>`
    }
  </li>`
}
