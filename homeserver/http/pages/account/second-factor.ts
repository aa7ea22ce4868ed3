/** Setting up an authenticator app, and taking it away. */
import type { NewApp } from '../../../domain/second-factors/authenticator-app.ts'
import type { Services } from '../../services.ts'
import { type Html, html } from '../html.ts'
import { refusalText } from '../messages/messages.ts'
import { seeOther } from '../page.ts'
import { doneNote, errorNote, field } from '../parts.ts'
import { qrCode } from '../qr-code.ts'
import type { AccountVisit, View } from './view.ts'

const address = '/account?action=second_factor'

export const secondFactorView: View = {
  isGrave: true,
  show: async (visit, services) => await showState(visit, services),
  submit: async (visit, services) => {
    const { form, visitor, messages, ip } = visit
    const { authenticatorApp } = services
    switch (form.get('do')) {
      case 'begin':
        await authenticatorApp.begin(visitor.userId)
        return seeOther(address)
      case 'remove':
        await authenticatorApp.remove(visitor.userId)
        return seeOther(`${address}&done=1`)
      default: {
        try {
          const codes = await authenticatorApp.confirm(visitor.userId, form.get('code') ?? '', ip)
          return codes ? showCodes(visit, codes) : await showState(visit, services, messages.wrongCode)
        } catch (error) {
          return await showState(visit, services, refusalText(messages, error))
        }
      }
    }
  },
}

async function showState(visit: AccountVisit, { authenticatorApp }: Services, error?: string) {
  const { messages, visitor, query } = visit
  const isSetUp = await authenticatorApp.isSetUp(visitor.userId)
  const begun = isSetUp ? undefined : await authenticatorApp.begun(visitor.userId)
  return visit.page({
    title: messages.secondFactor,
    status: error === undefined ? 200 : 403,
    content: html`${errorNote(error)}${query.has('done') && !begun && doneNote(messages.factorRemoved)}
    ${begun ? setUpForm(visit, begun) : isSetUp ? removeForm(visit) : beginForm(visit)}`,
  })
}

function beginForm({ messages, token }: AccountVisit): Html {
  return html`<p>${messages.factorHint}</p>
    <form method="post" action="${address}">
      ${token}<input type="hidden" name="do" value="begin" />
      <p class="actions"><button>${messages.setUpFactor}</button></p>
    </form>`
}

/** The secret in groups of four, as it is typed. */
function setUpForm({ messages, token }: AccountVisit, { secret, uri }: NewApp): Html {
  const shape = { name: 'code', label: messages.codeFromApp, autocomplete: 'one-time-code', maxLength: 20 }
  return html`<p>${messages.enterSecret}</p>
    <p class="picture">${qrCode(uri, messages.qrOfSecret)}</p>
    <p class="picture secret">${(secret.match(/.{1,4}/g) ?? []).join(' ')}</p>
    <p class="actions"><a class="button plain" href="${uri}">${messages.openApp}</a></p>
    <form method="post" action="${address}">
      ${token} ${field({ ...shape, inputMode: 'numeric', isCode: true })}
      <p class="actions"><button>${messages.confirm}</button></p>
    </form>`
}

function removeForm({ messages, token }: AccountVisit): Html {
  return html`<p>${messages.factorIsOn}</p>
    <form method="post" action="${address}">
      ${token}<input type="hidden" name="do" value="remove" />
      <p class="actions"><button class="danger">${messages.removeFactor}</button></p>
    </form>`
}

/** Shown this once. */
function showCodes(visit: AccountVisit, codes: readonly string[]) {
  const { messages } = visit
  return visit.page({
    title: messages.recoveryCodes,
    content: html`${doneNote(messages.factorIsOn)}
      <p>${messages.recoveryHint}</p>
      <ul class="codes">
        ${codes.map((code) => html`<li>${code}</li>`)}
      </ul>
      <p class="actions"><a class="button" href="/account">${messages.proceed}</a></p>`,
  })
}
