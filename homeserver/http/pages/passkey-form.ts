/** Forms that a passkey fills: hidden, until our script finds that the browser has what it needs. */
import { CHALLENGE_MS } from '../../domain/second-factors/passkeys.ts'
import { attributes, type Html, html } from './html.ts'
import type { Visit } from './page.ts'

interface PasskeyForm {
  /** Whether a passkey is made, or one shown. */
  readonly act: 'create' | 'get'
  /** Where the form leads; undefined for the page that it is on. */
  readonly action?: string
  readonly button: string
  readonly isPlain?: boolean
  /** Further fields. */
  readonly fields?: Html
}

export function passkeyForm({ token, messages }: Visit, { act, action, button, isPlain, fields }: PasskeyForm): Html {
  const form = { method: 'post', action, class: 'alone', 'data-passkey': act, hidden: true }
  return html`<form ${attributes(form)}>
    <p class="error" role="alert" hidden>${messages.passkeyFailed}</p>
    ${token}<input type="hidden" name="method" value="passkey" /><input type="hidden" name="act" value="${act}" />
    <input type="hidden" name="credential" value="" />${fields}
    <p class="actions"><button ${attributes({ class: isPlain === true && 'plain' })}>${button}</button></p>
  </form>`
}

/**
 * Asks for a challenge, lets the browser answer it, and sends the form. Browsers since 2025 can all do that.
 *
 * Where there is a field for the name of a user, browsers that can are asked to offer passkeys among the names, too. They
 * answer when one is chosen. A browser has one challenge and one open question: the offer ends before the button asks, and
 * is made again when the page comes back to sight or its challenge becomes old.
 */
export const passkeyScript = `
const isAble = 'PublicKeyCredential' in self && 'parseCreationOptionsFromJSON' in PublicKeyCredential
for (const note of document.querySelectorAll('[data-without-passkeys]')) note.hidden = isAble
const forms = isAble ? document.querySelectorAll('form[data-passkey]') : []

async function use(form, how) {
  const act = form.dataset.passkey
  const body = new URLSearchParams({ token: form.elements.token.value, act })
  const answer = await fetch('/login/passkey', { method: 'POST', body })
  const options = await answer.json()
  const credential = await (act === 'create'
    ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options), ...how }))
  form.elements.credential.value = JSON.stringify(credential)
  form.submit()
}

let offering = new AbortController()
let offer = Promise.resolve()
async function makeOffer() {
  if (document.hidden || !document.querySelector('[autocomplete~=webauthn]')) return
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
  offering.abort()
  offering = new AbortController()
  const how = { mediation: 'conditional', signal: offering.signal }
  offer = offer.then(() => use(forms[0], how)).catch(() => undefined)
}
if (forms.length > 0) {
  makeOffer()
  document.addEventListener('visibilitychange', makeOffer)
  setInterval(makeOffer, ${CHALLENGE_MS - 60_000})
}

for (const form of forms) {
  form.hidden = false
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const [alert, button] = [form.querySelector('[role=alert]'), form.querySelector('button')]
    alert.hidden = true
    button.disabled = true
    offering.abort()
    await offer
    try {
      await use(form)
    } catch {
      alert.hidden = false
      button.disabled = false
      makeOffer()
    }
  })
}
`
