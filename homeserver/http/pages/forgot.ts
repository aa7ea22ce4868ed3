/** Who has forgotten the password proves to read what is sent to an address of the account, and sets another. */
import { MatrixError } from '../../core/errors.ts'
import type { Credentials } from '../../domain/accounts/threepids/validations.ts'
import type { Services } from '../services.ts'
import { type EmailStep, provenEmail, showEmailStep, submitEmailStep } from './email-step.ts'
import { html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { page, seeOther, type Submission, type Visit } from './page.ts'
import { errorNote } from './parts.ts'
import { newPasswordFields, passwordProblem } from './register.ts'

const forgot = page({
  path: '/forgot',
  show: async (visit, services) => {
    if (!services.mailer.isOn) return noMail(visit)
    const step = emailStep(visit)
    return (await provenEmail(visit, services, step)) ? showForm(visit) : showEmailStep(visit, step)
  },
  submit: async (visit, services) => {
    if (!services.mailer.isOn) return noMail(visit)
    const step = emailStep(visit)
    const proof = await provenEmail(visit, services, step)
    if (!proof) return await submitEmailStep(visit, services, step)
    const problem = passwordProblem(visit) ?? (await setPassword(visit, services, proof))
    return problem === undefined ? seeOther('/login') : showForm(visit, problem)
  },
})

function emailStep({ messages }: Visit): EmailStep {
  return { purpose: 'password', path: '/forgot', title: messages.forgotPassword, hint: messages.forgotHint }
}

/** What was wrong, or undefined. A second factor stays: the letters alone are not to open the account. */
async function setPassword(
  { form, messages }: Submission,
  { accounts, threePids, validations, browserSessions }: Services,
  credentials: Credentials,
): Promise<string | undefined> {
  const proof = await validations.proved(credentials, 'password')
  const userId = await threePids.ownerOf(proof)
  if (userId === undefined) return messages.noAccountOfEmail
  try {
    await accounts.setPassword(userId, form.get('password') ?? '', { keep: [] })
  } catch (error) {
    if (error instanceof MatrixError && error.status < 500) return refusalText(messages, error)
    throw error
  }
  await validations.useUp(proof.sid)
  await browserSessions.endAll(userId)
  await threePids.passwordChanged(userId)
  return undefined
}

function showForm(visit: Visit, error?: string) {
  const { messages, token, here } = visit
  return visit.page({
    title: messages.setNewPassword,
    status: error === undefined ? 200 : 400,
    content: html`${errorNote(error)}
      <p>${messages.allSessionsEnd}</p>
      <form method="post" action="${here}">
        ${token} ${newPasswordFields(messages)}
        <p class="actions"><button>${messages.setNewPassword}</button></p>
      </form>`,
  })
}

function noMail(visit: Visit) {
  const { messages } = visit
  return visit.page({
    title: messages.forgotPassword,
    status: 404,
    content: html`<p role="alert">${messages.noMail}</p>`,
  })
}

export const forgotPages = forgot
