/** Where a link into a call leads: somebody without an account says a name, and is in the call. */
import { MatrixError } from '../../core/errors.ts'
import { maxGuestName } from '../../domain/limits.ts'
import { callClientPath } from '../call-guests.ts'
import { callsOf } from '../client/rtc.ts'
import { callScript } from './call-script.ts'
import { attributes, type Html, html } from './html.ts'
import type { Messages } from './messages/messages.ts'
import { page, type Visit } from './page.ts'
import { field } from './parts.ts'

const guestPage = page({
  path: '/call/:token',
  show: async (visit, services) => {
    const { messages } = visit
    const { sfuUrl, links } = callsOf(services)
    const token = tokenOf(visit)
    try {
      const { room = messages.callUnnamed, inviter } = await links.invitation(token)
      return visit.page({
        title: messages.callTitle(room),
        isWide: true,
        content: content(messages, inviter, token),
        script: callScript,
        loadsMore: true,
        connects: [new URL(sfuUrl).origin, new URL(sfuUrl).origin.replace(/^ws/, 'http')],
      })
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return visit.page({
        title: messages.sorry,
        status: 404,
        content: html`<p role="alert">${messages.callNoLink}</p>
          <p class="soft">${messages.askAgain}</p>`,
      })
    }
  },
})

function tokenOf({ here }: Visit): string {
  const [, token = ''] = /^\/call\/([\w-]{1,64})(?:\?|$)/.exec(here) ?? []
  return token
}

/** Of its parts the script shows one; without it there is only what says so. */
function content(messages: Messages, inviter: string, token: string): Html {
  const given = JSON.stringify({ token, client: callClientPath, texts: textsOf(messages) })
  const name = { name: 'name', label: messages.callName, hint: messages.callNameHint, autocomplete: 'nickname' }
  return html`<noscript><p class="error">${messages.callNeedsScript}</p></noscript>
    <div ${attributes({ 'data-call': given })}>
      <p class="soft" role="status" data-part="status"></p>
      <form data-part="enter" hidden>
        <p>${messages.callInvites(inviter)}</p>
        ${field({ ...name, maxLength: maxGuestName })}
        <p class="actions"><button>${messages.callJoin}</button></p>
      </form>
      <div data-part="inside" hidden>
        <h2>${messages.callPeople}</h2>
        <ul class="faces" data-part="people"></ul>
        <p class="actions">
          <button type="button" class="plain" data-part="mute" aria-pressed="true">${messages.callMute}</button>
          <button type="button" class="plain" data-part="camera" aria-pressed="false">${messages.callCamera}</button>
          <button type="button" class="danger" data-part="leave">${messages.callLeave}</button>
        </p>
      </div>
      <p class="actions" data-part="over" hidden>
        <button type="button" data-part="again">${messages.callAgain}</button>
      </p>
    </div>`
}

/** What the script says, and what it says to refusals. */
const textsOf = (messages: Messages) => ({
  joining: messages.callJoining,
  inside: messages.callInside,
  alone: messages.callAlone,
  noMicrophone: messages.callNoMicrophone,
  noCamera: messages.callNoCamera,
  failed: messages.callFailed,
  muted: messages.callMuted,
  you: messages.callYou,
  over: messages.callOver,
  M_LIMIT_EXCEEDED: messages.callFull,
  M_NOT_FOUND: messages.callNoLink,
  M_FORBIDDEN: messages.callNoLink,
  M_UNKNOWN: messages.callFailed,
})

export const callPages = guestPage
