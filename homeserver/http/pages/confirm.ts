/** Where the link of an e-mail leads. A click proves the address, not the look of a program that follows links in mail. */
import { html } from './html.ts'
import { page, seeOther, type Visit } from './page.ts'

const confirm = page({
  path: '/confirm',
  show: async (visit, { validations }) => {
    const validation = await validations.peek(visit.query.get('token') ?? '')
    if (!validation) return badLink(visit)
    const { messages, token } = visit
    return visit.page({
      title: messages.confirmTitle,
      formTargets: validation.nextLink === undefined ? [] : [new URL(validation.nextLink).origin],
      content: html`<p>${messages.confirmIs(validation.address)}</p>
        <form method="post">
          ${token}
          <p class="actions"><button>${messages.confirm}</button></p>
        </form>`,
    })
  },
  submit: async (visit, { validations }) => {
    const validation = await validations.byLink(visit.query.get('token') ?? '')
    if (!validation) return badLink(visit)
    if (validation.nextLink !== undefined) return seeOther(validation.nextLink)
    const { messages } = visit
    return visit.page({ title: messages.confirmed, content: html`<p role="status">${messages.confirmedHint}</p>` })
  },
})

function badLink(visit: Visit) {
  const { messages } = visit
  return visit.page({ title: messages.sorry, status: 400, content: html`<p role="alert">${messages.badLink}</p>` })
}

export const confirmPages = confirm
