/** E-mail addresses of the account: for a forgotten password, and to log in by. */
import { MatrixError } from '../../../core/errors.ts'
import { emailAddress } from '../../../domain/accounts/threepids/addresses.ts'
import type { Credentials } from '../../../domain/accounts/threepids/validations.ts'
import type { Services } from '../../services.ts'
import { type EmailStep, provenEmail, showEmailStep, submitEmailStep } from '../email-step.ts'
import { type Html, html } from '../html.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote, field } from '../parts.ts'
import type { AccountVisit, View } from './view.ts'

const address = '/account?action=emails'

export const emailsView: View = {
  isGrave: true,
  show: async (visit, services) => {
    const step = emailStep(visit)
    if (!visit.query.has('email')) return await showList(visit, services)
    return (await provenEmail(visit, services, step)) ? askToAdd(visit) : showEmailStep(visit, step)
  },
  submit: async (visit, services) => {
    const removed = visit.form.get('remove')
    if (removed !== null) {
      await services.threePids.remove(visit.visitor.userId, emailAddress(removed))
      return seeOther(`${address}&done=removed`)
    }
    const step = emailStep(visit)
    const proof = await provenEmail(visit, services, step)
    return proof ? await add(visit, services, proof) : await submitEmailStep(visit, services, step)
  },
}

async function add(visit: AccountVisit, services: Services, proof: Credentials) {
  try {
    await services.threePids.add(visit.visitor.userId, proof)
    return seeOther(`${address}&done=added`)
  } catch (error) {
    if (!(error instanceof MatrixError && error.errcode === 'M_THREEPID_IN_USE')) throw error
    return await showList(visit, services, visit.messages.emailInUse)
  }
}

/** A link alone adds nothing: it may be of somebody who wants to get at the account by an address of theirs. */
function askToAdd(visit: AccountVisit) {
  const { messages, query, token, here, visitor } = visit
  return visit.page({
    title: messages.addEmail,
    content: html`<dl>
        <dt>${messages.email}</dt>
        <dd>${query.get('email') ?? ''}</dd>
        <dt>${messages.youAre}</dt>
        <dd>${visitor.userId}</dd>
      </dl>
      <form method="post" action="${here}">
        ${token}
        <p class="actions">
          <button>${messages.addEmail}</button>
          <a class="button plain" href="${address}">${messages.cancel}</a>
        </p>
      </form>`,
  })
}

function emailStep({ messages }: AccountVisit): EmailStep {
  return { purpose: 'add', path: '/account', title: messages.emails }
}

async function showList(visit: AccountVisit, { threePids, mailer }: Services, error?: string) {
  const { messages, visitor, query, token } = visit
  const list = (await threePids.list(visitor.userId)).filter(({ medium }) => medium === 'email')
  const done = { added: messages.emailAdded, removed: messages.emailRemoved }[query.get('done') ?? '']
  const addForm = html`<form method="post" action="${address}">
    ${token}
    ${field({ name: 'email', label: messages.email, hint: messages.emailHint, autocomplete: 'email', isPlain: true })}
    <p class="actions"><button>${messages.addEmail}</button></p>
  </form>`
  return visit.page({
    title: messages.emails,
    status: error === undefined ? 200 : 400,
    content: html`${errorNote(error)}${error === undefined && doneNote(done)}
      <ul class="list">
        ${list.map((one) => item(visit, one.address))}
      </ul>
      ${mailer.isOn ? addForm : html`<p>${messages.noMail}</p>`}`,
  })
}

function item({ messages, token }: AccountVisit, email: string): Html {
  return html`<li>
    <div><h2>${email}</h2></div>
    <form method="post" action="${address}">
      ${token}<input type="hidden" name="remove" value="${email}" />
      <button class="plain" aria-label="${messages.removeEmail}: ${email}">${messages.removeEmail}</button>
    </form>
  </li>`
}
