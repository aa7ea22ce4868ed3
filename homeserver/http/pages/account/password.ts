import { MatrixError } from '../../../core/errors.ts'
import type { Services } from '../../services.ts'
import { html } from '../html.ts'
import { refusalText } from '../messages/messages.ts'
import { cookieHeader, seeOther } from '../page.ts'
import { checkbox, doneNote, errorNote, field } from '../parts.ts'
import { newPasswordFields, passwordProblem } from '../register.ts'
import type { AccountVisit, View } from './view.ts'

export const passwordView: View = {
  show: (visit) => showPassword(visit),
  submit: async (visit, services) => {
    const problem = passwordProblem(visit) ?? (await change(visit, services))
    if (problem !== undefined) return showPassword(visit, problem)
    // the old one is over with the old password
    const cookie = await services.browserSessions.begin(visit.visitor.userId, { before: visit.cookie })
    return seeOther('/account?action=password&done=1', cookieHeader(cookie, services))
  },
}

/** What was wrong, or undefined. */
async function change(
  { visitor: { userId }, form, ip, messages }: AccountVisit & { readonly form: URLSearchParams },
  { accounts, login }: Services,
): Promise<string | undefined> {
  try {
    const isRight = await login.isPasswordOf(userId, { password: form.get('current') ?? '' }, ip)
    if (!isRight) return messages.wrongCurrent
    await accounts.setPassword(userId, form.get('password') ?? '', { keep: form.has('end') ? [] : 'all' })
    return undefined
  } catch (error) {
    if (error instanceof MatrixError && error.status < 500) return refusalText(messages, error)
    throw error
  }
}

function showPassword(visit: AccountVisit, error?: string) {
  const { messages, token, query } = visit
  const isDone = error === undefined && query.has('done')
  return visit.page({
    title: messages.changePassword,
    status: error === undefined ? 200 : 403,
    content: html`${errorNote(error)}${isDone && doneNote(messages.passwordChanged)}
      <form method="post" action="/account?action=password">
        ${token}
        ${field({ name: 'current', type: 'password', label: messages.currentPassword, autocomplete: 'current-password' })}
        ${newPasswordFields(messages)}
        ${checkbox({ name: 'end', label: html`${messages.endOthers}<small>${messages.endOthersHint}</small>` })}
        <p class="actions"><button>${messages.changePassword}</button></p>
      </form>`,
  })
}
