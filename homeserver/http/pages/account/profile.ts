import { refuse } from '../../../core/errors.ts'
import { requesterOf } from './requester.ts'
import { html } from '../html.ts'
import { seeOther } from '../page.ts'
import { doneNote, field } from '../parts.ts'
import { maxDisplayName } from '../../../domain/limits.ts'
import type { View } from './view.ts'

export const profileView: View = {
  show: async (visit, { profiles }) => {
    const { messages, visitor, token, query } = visit
    const { displayname } = await profiles.get(visitor.userId)
    const value = typeof displayname === 'string' ? displayname : ''
    return visit.page({
      title: messages.account,
      content: html`${query.has('done') && doneNote(messages.saved)}
        <dl>
          <dt>${messages.userId}</dt>
          <dd>${visitor.userId}</dd>
        </dl>
        <form method="post" action="/account?action=org.matrix.profile">
          ${token}
          ${field({ name: 'displayname', label: messages.displayName, value, isOptional: true, autocomplete: 'nickname', maxLength: maxDisplayName })}
          <p class="actions"><button>${messages.save}</button></p>
        </form>
        <form method="post" action="/logout" class="alone">
          ${token}
          <p class="actions"><button class="plain">${messages.logOut}</button></p>
        </form>`,
    })
  },
  submit: async ({ visitor, form, messages }, { profiles }) => {
    if (visitor.isSuspended) throw refuse(403, 'M_USER_SUSPENDED', messages.suspended)
    const name = form.get('displayname')?.trim() ?? ''
    await profiles.set(requesterOf(visitor), visitor.userId, 'displayname', name === '' ? undefined : name)
    return seeOther('/account?action=org.matrix.profile&done=1')
  },
}
