/** The front door, and the invitations that lead to it. */
import { documentLinks } from './register.ts'
import { hasElementWeb } from '../element-web.ts'
import { html } from './html.ts'
import { page, type Visit } from './page.ts'

const landing = page({
  path: '/',
  show: async (visit, { config }) => {
    const { messages } = visit
    const { registration, server_name: serverName } = config
    const hasElement = await hasElementWeb(config.data_dir)
    return visit.page({
      title: messages.welcomeTo(serverName),
      content: html`<p>${messages.welcomeText(serverName)}</p>
        <p class="actions">
          ${hasElement && html`<a class="button" href="/element/">${messages.openElement}</a>`}
          <a class="${hasElement ? 'button plain' : 'button'}" href="/account">${messages.yourAccount}</a>
          ${registration.mode !== 'closed' && html`<a class="button plain" href="/register">${messages.createAccount}</a>`}
        </p>
        <p class="soft">${messages.appsHint(serverName)}</p>
        ${registration.terms.map((document) => html`<p class="soft">${documentLinks(messages, document)}</p>`)}`,
    })
  },
})

/** A link that somebody was sent: `npm run cli -- invite` prints it. */
const invitation = page({
  path: '/i/:code',
  show: async (visit, { config, registrationTokens }) => {
    const { messages } = visit
    const code = codeOf(visit)
    if (config.registration.mode !== 'invite' || !(await registrationTokens.isValid(code))) {
      return visit.page({
        title: messages.sorry,
        status: 404,
        content: html`<p role="alert">${messages.badInvite}</p>
          <p class="soft">${messages.askAgain}</p>`,
      })
    }
    return visit.page({
      title: messages.invitedTo(config.server_name),
      content: html`<p>${messages.welcomeText(config.server_name)}</p>
        <p class="actions">
          <a class="button" href="/register?invite=${encodeURIComponent(code)}">${messages.createAccount}</a>
        </p>
        <p class="soft">${messages.haveAccount} <a href="/login">${messages.logIn}</a></p>`,
    })
  },
})

function codeOf({ here }: Visit): string {
  const [, code = ''] = /^\/i\/([\w.~-]{1,64})(?:\?|$)/.exec(here) ?? []
  return code
}

export const landingPages = [...landing, ...invitation]
