/** The passkeys of the account: adding and removing them. */
import { MatrixError } from '../../../core/errors.ts'
import type { Passkey } from '../../../domain/second-factors/passkeys.ts'
import { maxPasskeyName, maxPasskeys } from '../../../domain/limits.ts'
import type { Services } from '../../services.ts'
import { type Html, html } from '../html.ts'
import { refusalText } from '../messages/messages.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote, field } from '../parts.ts'
import { passkeyForm, passkeyScript } from '../passkey-form.ts'
import { timeOf } from './devices.ts'
import type { AccountVisit, View } from './view.ts'

const address = '/account?action=passkeys'

export const passkeysView: View = {
  isGrave: true,
  show: async (visit, services) => await showList(visit, services),
  submit: async (visit, services) => {
    const { form, visitor, cookie, messages } = visit
    const { passkeys } = services
    const removed = form.get('remove')
    if (removed !== null) {
      await passkeys.remove(visitor.userId, removed)
      return seeOther(`${address}&removed=1`)
    }
    try {
      const [name, credential] = [form.get('name')?.trim() ?? '', form.get('credential') ?? '']
      await passkeys.add(visitor.userId, { cookie, name, credential })
      return seeOther(`${address}&added=1`)
    } catch (error) {
      const status = error instanceof MatrixError ? error.status : 500
      return await showList(visit, services, { error: refusalText(messages, error), status })
    }
  },
}

async function showList(
  visit: AccountVisit,
  { passkeys }: Services,
  { error, status = 200 }: { error?: string; status?: number } = {},
) {
  const { messages, visitor, query } = visit
  const list = await passkeys.list(visitor.userId)
  const done = query.has('added') ? messages.passkeyAdded : query.has('removed') ? messages.passkeyRemoved : undefined
  return visit.page({
    title: messages.passkeys,
    status,
    script: passkeyScript,
    content: html`${errorNote(error)}${error === undefined && doneNote(done)}
      <p>${messages.passkeysHint}</p>
      <p class="soft" data-without-passkeys>${messages.passkeysNeedScript}</p>
      ${
        list.length > 0 &&
        html`<ul class="list">
          ${list.map((passkey) => item(visit, passkey))}
        </ul>`
      }
      ${list.length >= maxPasskeys ? html`<p class="soft">${messages.passkeysFull}</p>` : addForm(visit)}`,
  })
}

function item({ messages, token }: AccountVisit, { id, name, createdTs, usedTs, isBackedUp }: Passkey): Html {
  return html`<li>
    <div>
      <h2>${name}</h2>
      <p>${messages.addedOn}: ${timeOf(messages, createdTs)}</p>
      <p>${messages.lastSeen}: ${timeOf(messages, usedTs)}</p>
      <p>${isBackedUp ? messages.passkeyIsCopied : messages.passkeyIsNotCopied}</p>
    </div>
    <form method="post" action="${address}">
      ${token}<input type="hidden" name="remove" value="${id}" />
      <button class="plain" aria-label="${messages.removePasskey}: ${name}">${messages.removePasskey}</button>
    </form>
  </li>`
}

function addForm(visit: AccountVisit): Html {
  const { messages } = visit
  const fields = field({
    name: 'name',
    label: messages.passkeyName,
    hint: messages.passkeyNameHint,
    maxLength: maxPasskeyName,
  })
  return passkeyForm(visit, { act: 'create', action: address, button: messages.addPasskey, fields })
}
