/** Where people enter the code of a device that has no browser. https://www.rfc-editor.org/rfc/rfc8628#section-3.3 */
import { clientName } from '../../domain/oauth/client-metadata.ts'
import type { DeviceRequest } from '../../domain/oauth/device-grants.ts'
import { consentForm } from './consent.ts'
import { html } from './html.ts'
import { page, toLogin, type Visit } from './page.ts'
import { doneNote, errorNote } from './parts.ts'

const link = page({
  path: '/link',
  show: async (visit, { deviceGrants }) => {
    if (!visit.visitor) return toLogin(visit)
    const code = visit.query.get('code')
    if (code === null) return showEntry(visit, undefined)
    const request = await deviceGrants.find(code)
    return request ? ask(visit, request) : showEntry(visit, visit.messages.badCode)
  },
  submit: async (visit, { deviceGrants }) => {
    const { visitor, messages, form, query } = visit
    if (!visitor) return toLogin(visit)
    const request = await deviceGrants.find(form.get('code') ?? query.get('code') ?? '')
    if (!request) return showEntry(visit, messages.badCode)
    const decision = form.get('decision')
    if (decision === null) return ask(visit, request)
    const isAllowed = decision === 'allow'
    const isDecided = await deviceGrants.decide(visitor.userId, request, isAllowed ? 'allowed' : 'denied')
    if (!isDecided) return showEntry(visit, messages.badCode)
    const title = messages.linkTitle
    return visit.page({ title, content: html`${doneNote(isAllowed ? messages.linked : messages.notLinked)}` })
  },
})

function showEntry(visit: Visit, error: string | undefined) {
  const { messages, token } = visit
  return visit.page({
    title: messages.linkTitle,
    status: error === undefined ? 200 : 404,
    content: html`${errorNote(error)}
      <p>${messages.linkHint}</p>
      <form method="post" action="/link">
        ${token}<label
          ><span>${messages.code}</span>
          <input
            class="code"
            name="code"
            autocomplete="off"
            autocapitalize="characters"
            spellcheck="false"
            maxlength="20"
            required
        /></label>
        <p class="actions"><button>${messages.proceed}</button></p>
      </form>`,
  })
}

/** The code is shown once more, to be compared. */
function ask(visit: Visit, { userCode, client, scope, deviceId }: DeviceRequest) {
  const { messages, visitor } = visit
  if (!visitor) return toLogin(visit)
  const here = `/link?code=${userCode}`
  const consent = consentForm({ ...visit, here }, { visitor, client, scope, deviceId, warning: messages.onlyIfYours })
  return visit.page({
    title: messages.allowTitle(clientName(client.metadata, messages.language)),
    content: html`<p>${messages.code}: <strong>${userCode.slice(0, 4)}-${userCode.slice(4)}</strong></p>
      ${consent}`,
  })
}

export const linkPages = link
