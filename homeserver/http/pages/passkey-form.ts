/** Forms that a passkey fills: hidden, until our script finds that the browser has what it needs. */
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

/** Asks for a challenge, lets the browser answer it, and sends the form. Browsers since 2025 can all do that. */
export const passkeyScript = `
const isAble = 'PublicKeyCredential' in self && 'parseCreationOptionsFromJSON' in PublicKeyCredential
for (const note of document.querySelectorAll('[data-without-passkeys]')) note.hidden = isAble
for (const form of isAble ? document.querySelectorAll('form[data-passkey]') : []) {
  form.hidden = false
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const [alert, button] = [form.querySelector('[role=alert]'), form.querySelector('button')]
    alert.hidden = true
    button.disabled = true
    try {
      const body = new URLSearchParams({ token: form.elements.token.value, act: form.dataset.passkey })
      const answer = await fetch('/login/passkey', { method: 'POST', body })
      const options = await answer.json()
      const credential = await (form.dataset.passkey === 'create'
        ? navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
        : navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }))
      form.elements.credential.value = JSON.stringify(credential)
      form.submit()
    } catch {
      alert.hidden = false
      button.disabled = false
    }
  })
}
`
