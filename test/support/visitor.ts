/** A browser without scripts: keeps cookies, fills the forms of pages, goes where it is sent as long as that is here. */
import type { TestServer } from './server.ts'

export interface Shown {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Path and query of what is shown, or the address of another place that the browser was sent to. */
  readonly address: string
}

/** What tests take as the server's own address, whatever port it listens on. */
const own = 'https://hs.test'

export class Visitor {
  readonly #url: string
  readonly #cookies = new Map<string, string>()
  readonly language: string
  shown: Shown = { status: 0, headers: new Headers(), text: '', address: '' }

  constructor({ url }: TestServer, { language = 'en' }: { language?: string } = {}) {
    this.#url = url
    this.language = language
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async open(address: string): Promise<Shown> {
    return await this.#go('GET', address, undefined)
  }

  /**
   * Fills the only form, or the nth, and sends it: hidden fields as they are. `to` sends it elsewhere, as scripts do, and
   * with `isAside` the page stays.
   */
  async submit(
    fields: Record<string, string> = {},
    { nth = 0, to, isAside = false }: { nth?: number; to?: string; isAside?: boolean } = {},
  ): Promise<Shown> {
    const before = this.shown
    const form = [...this.shown.text.matchAll(/<form ([^>]*)>(.*?)<\/form>/gs)][nth]
    if (!form) throw new Error(`There is no form at ${this.shown.address}: ${this.shown.text}`)
    const [, attributes = '', content = ''] = form
    const filled = new URLSearchParams()
    for (const [input] of content.matchAll(/<input\s[^>]*>/g)) {
      const name = valueOf(input, 'name')
      const value = fields[name] ?? valueOf(input, 'value')
      if (!input.includes('type="checkbox"') || fields[name] !== undefined) filled.set(name, value)
    }
    for (const [name, value] of Object.entries(fields)) filled.set(name, value)
    const answer = await this.#go('POST', to ?? (valueOf(attributes, 'action') || this.shown.address), filled)
    if (isAside) this.shown = before
    return answer
  }

  async #go(method: string, address: string, body: URLSearchParams | undefined): Promise<Shown> {
    const target = address.startsWith(own) ? address.slice(own.length) : address
    const response = await fetch(this.#url + target, {
      method,
      redirect: 'manual',
      headers: { 'Accept-Language': this.language, ...(this.cookie === '' ? {} : { Cookie: this.cookie }) },
      ...(body ? { body } : {}),
    })
    this.#keep(response.headers.getSetCookie())
    const location = response.headers.get('location')
    const text = await response.text()
    if (location?.startsWith('/') === true || location?.startsWith(`${own}/`) === true) return await this.open(location)
    this.shown = { status: response.status, headers: response.headers, text, address: location ?? target }
    return this.shown
  }

  #keep(cookies: readonly string[]): void {
    for (const cookie of cookies) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split('=')
      this.#cookies.set(name, value)
    }
  }
}

function valueOf(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? ''
  return value.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)))
}
