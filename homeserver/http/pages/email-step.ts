/**
 * The step before a form that needs a proved e-mail address: a letter, whose link leads back. What belongs together is in
 * the address of the page, so the link may be opened on another device as well.
 */
import { randomBytes } from 'node:crypto'
import { MatrixError } from '../../core/errors.ts'
import { emailAddress } from '../../domain/accounts/threepids/addresses.ts'
import type { Credentials, Purpose } from '../../domain/accounts/threepids/validations.ts'
import type { Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { type Html, html } from './html.ts'
import { refusalText } from './messages/messages.ts'
import { seeOther, type Submission, type Visit } from './page.ts'
import { errorNote, field } from './parts.ts'

/** Of a visit what these steps need: on the account page it has less than elsewhere. */
type Visited = Pick<Visit, 'messages' | 'query' | 'token' | 'here'> & {
  page(shown: { title: string; content: Html; status?: number }): Reply
}

export interface EmailStep {
  readonly purpose: Purpose
  /** The page that it comes before. */
  readonly path: string
  readonly title: string
  readonly hint?: string | undefined
}

/** The proof of the address that the page is for; undefined until the link of the letter was opened. */
export async function provenEmail(
  { query }: Pick<Visited, 'query'>,
  { validations }: Services,
  { purpose }: EmailStep,
): Promise<Credentials | undefined> {
  const [email, clientSecret] = [query.get('email'), query.get('secret')]
  if (email === null || clientSecret === null) return undefined
  const sid = await validations.requested({ ...emailAddress(email), purpose, clientSecret })
  const credentials = sid === undefined ? undefined : { sid, clientSecret }
  return credentials && (await validations.find(credentials, purpose)) ? credentials : undefined
}

export function showEmailStep(visit: Visited, { title, hint }: EmailStep, error?: string): Reply {
  const { messages, query, token, here } = visit
  const email = query.get('email')
  if (email !== null && error === undefined) {
    return visit.page({
      title,
      content: html`<p role="status">${messages.letterSent(email)}</p>
        <p class="actions"><a class="button plain" href="${here}">${messages.proceed}</a></p>`,
    })
  }
  const value = email ?? undefined
  return visit.page({
    title,
    status: error === undefined ? 200 : 400,
    content: html`${errorNote(error)}
      <form method="post">
        ${token} ${field({ name: 'email', label: messages.email, hint, autocomplete: 'email', value, isPlain: true })}
        <p class="actions"><button>${messages.proceed}</button></p>
      </form>`,
  })
}

/** Sends the letter. Who has an account is told so there, and not here (T62). */
export async function submitEmailStep(
  visit: Visited & Pick<Submission, 'form'>,
  services: Services,
  step: EmailStep,
): Promise<Reply> {
  const { purpose, path } = step
  const clientSecret = randomBytes(24).toString('base64url')
  try {
    const address = emailAddress(visit.form.get('email')?.trim() ?? '')
    const query = new URLSearchParams(visit.query)
    query.set('email', address.address)
    query.set('secret', clientSecret)
    const back = `${path}?${query.toString()}`
    const nextLink = services.config.public_url + back
    await services.validations.request({ ...address, purpose, clientSecret, sendAttempt: 1, nextLink })
    return seeOther(back)
  } catch (error) {
    const isBad = error instanceof MatrixError && error.errcode === 'M_INVALID_PARAM'
    return showEmailStep(visit, step, isBad ? visit.messages.badEmail : refusalText(visit.messages, error))
  }
}
