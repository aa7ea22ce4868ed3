import { html } from '../html.ts'
import { pageReply } from '../layout.ts'
import { checkbox, doneNote, errorNote, field } from '../parts.ts'
import type { AccountVisit, View } from './view.ts'

export const deactivateView: View = {
  isGrave: true,
  show: (visit) => showDeactivate(visit),
  submit: async (visit, { deactivation, browserSessions }) => {
    const { visitor, form, messages } = visit
    if (form.get('user_id')?.trim() !== visitor.userId) return showDeactivate(visit, messages.notYourId)
    await deactivation.deactivate(visitor.userId, { erase: form.has('erase') })
    await browserSessions.endAll(visitor.userId)
    return pageReply({ messages, title: messages.deactivate, content: html`${doneNote(messages.deactivated)}` })
  },
}

function showDeactivate(visit: AccountVisit, error?: string) {
  const { messages, token, visitor } = visit
  return visit.page({
    title: messages.deactivate,
    status: error === undefined ? 200 : 400,
    content: html`${errorNote(error)}
      <p>${messages.deactivateHint}</p>
      <form method="post">
        ${token} ${field({ name: 'user_id', label: messages.typeUserId, hint: visitor.userId, isPlain: true })}
        ${checkbox({ name: 'erase', label: messages.erase })}
        <p class="actions">
          <button class="danger">${messages.deactivate}</button>
          <a class="button plain" href="/account">${messages.cancel}</a>
        </p>
      </form>`,
  })
}
