/**
 * The page of the stage `m.login.sso`: an app wants to do something grave, and its user shows in a browser that it is
 * them. https://spec.matrix.org/v1.19/client-server-api/#sso-during-user-interactive-authentication
 */
import { html } from './html.ts'
import type { Messages } from './messages/messages.ts'
import { page, toLogin, type Visit, withContinue } from './page.ts'

const confirmLogin = page({
  path: '/auth/confirm',
  show: async (visit, { uia }) => {
    const { visitor, messages, token, here, query } = visit
    if (visitor?.isRecent !== true) return toLogin(visit, { again: 'yes' })
    const asked = await uia.askedOnPage(query.get('session') ?? '', visitor.userId)
    if (!asked) return nothingAsked(visit)
    return visit.page({
      title: messages.confirmLoginTitle,
      content: html`<p>${purposeOf(messages, asked.path)}</p>
        <dl>
          <dt>${messages.youAre}</dt>
          <dd>${visitor.userId}</dd>
          <dt>${messages.session}</dt>
          <dd>${asked.deviceId}</dd>
        </dl>
        <p class="soft">${messages.onlyIfYouAsked}</p>
        <form method="post" action="${here}">
          ${token}
          <p class="actions"><button>${messages.confirm}</button></p>
        </form>`,
    })
  },
  submit: async (visit, { uia }) => {
    const { visitor, messages, query } = visit
    if (visitor?.isRecent !== true) return toLogin(visit, { again: 'yes' })
    if (!(await uia.passByLogin(query.get('session') ?? '', visitor.userId))) return nothingAsked(visit)
    return visit.page({
      title: messages.confirmed,
      content: html`<p role="status">${messages.backToApp}</p>`,
      script: tellApp,
    })
  },
})

/** What clients wait for. https://spec.matrix.org/v1.19/client-server-api/#fallback */
const tellApp = `if (window.onAuthDone) window.onAuthDone()
else if (window.opener && window.opener.postMessage) window.opener.postMessage('authDone', '*')`

/** Somebody else's session, or none. */
function nothingAsked(visit: Visit) {
  const { messages, here } = visit
  return visit.page({
    title: messages.sorry,
    status: 403,
    content: html`<p role="alert">${messages.nothingToConfirm}</p>
      <p><a href="${withContinue('/login', here)}">${messages.anotherAccount}</a></p>`,
  })
}

function purposeOf(messages: Messages, path: string): string {
  if (path.includes('/devic') || path.includes('/delete_devices')) return messages.appEndsSession
  if (path.includes('/keys/')) return messages.appReplacesKeys
  if (path.endsWith('/account/deactivate')) return messages.appDeactivates
  if (path.endsWith('/account/password')) return messages.appSetsPassword
  return messages.appAsks
}

export const confirmLoginPages = confirmLogin
