/** Allows a client to replace the cross-signing keys, once. https://spec.matrix.org/v1.19/client-server-api/#oauth-authentication */
import { html } from '../html.ts'
import { doneNote } from '../parts.ts'
import type { View } from './view.ts'

export const resetView: View = {
  isGrave: true,
  show: (visit) => {
    const { messages, token } = visit
    return visit.page({
      title: messages.resetTitle,
      content: html`<p>${messages.resetHint}</p>
        <form method="post">
          ${token}
          <p class="actions">
            <button class="danger">${messages.resetAllow}</button>
            <a class="button plain" href="/account">${messages.cancel}</a>
          </p>
        </form>`,
    })
  },
  submit: async (visit, { crossSigningResets }) => {
    const { messages, visitor } = visit
    await crossSigningResets.allow(visitor.userId)
    return visit.page({ title: messages.resetTitle, content: html`${doneNote(messages.resetAllowed)}` })
  },
}
