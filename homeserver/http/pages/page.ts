/** A page of the server: a GET that shows it, and a POST of its form. Works without scripts. */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { refuse } from '../../core/errors.ts'
import { formToken, newCookie, type Visitor } from '../../domain/oauth/browser-sessions.ts'
import { type Endpoint, endpoint, Reply } from '../endpoint.ts'
import { readForm } from '../oauth/form.ts'
import type { LimitName } from '../rate-limit.ts'
import type { Services } from '../services.ts'
import { type Html, html } from './html.ts'
import { type Page, pageReply, refusalPage } from './layout.ts'
import { type Messages, messagesFor } from './messages/messages.ts'

export interface Visit {
  readonly messages: Messages
  /** Who is logged in, every factor shown. */
  readonly visitor: Visitor | undefined
  /** Who has still to show a second factor. */
  readonly halfway: Visitor | undefined
  readonly cookie: string
  readonly query: URLSearchParams
  /** Path and query, for coming back. */
  readonly here: string
  readonly ip: string
  readonly userAgent: string
  /** The hidden field that every form of the page has (T68). */
  readonly token: Html
  page(page: Omit<Page, 'messages'>): Reply
}

export interface Submission extends Visit {
  readonly form: URLSearchParams
}

interface PageDeclaration {
  readonly path: string
  readonly show?: (visit: Visit, services: Services) => Promise<Reply> | Reply
  /** Limits what is done with the form. */
  readonly limit?: LimitName
  readonly submit?: (visit: Submission, services: Services) => Promise<Reply> | Reply
}

export function page({ path, show, limit = 'login', submit }: PageDeclaration): Endpoint[] {
  const common = { path, auth: 'none', refuse: refusalPage } as const
  const declared: Endpoint[] = []
  if (show) {
    const handle = async (call: Asked, services: Services) => await show(await visitOf(call, services), services)
    declared.push(endpoint({ ...common, method: 'GET', limit: 'read', handle }))
  }
  if (submit) {
    const handle = async (call: Asked, services: Services) => {
      const visit = await visitOf(call, services)
      const form = await readForm(call.request)
      refuseForeign(visit, form)
      return await submit({ ...visit, form }, services)
    }
    declared.push(endpoint({ ...common, method: 'POST', limit, body: 'stream', handle }))
  }
  return declared
}

interface Asked {
  readonly request: IncomingMessage
  readonly ip: string
  readonly path: string
}

async function visitOf({ request, ip, path }: Asked, services: Services): Promise<Visit> {
  const known = cookieOf(request, services)
  const cookie = known ?? newCookie()
  const visitor = known === undefined ? undefined : await services.browserSessions.find(known)
  const messages = messagesFor(request)
  const search = request.url?.split('?').slice(1).join('?') ?? ''
  const headers = known === undefined ? cookieHeader(cookie, services) : {}
  return {
    messages,
    visitor: visitor?.awaitsFactor === undefined ? visitor : undefined,
    halfway: visitor?.awaitsFactor === undefined ? undefined : visitor,
    cookie,
    query: new URLSearchParams(search),
    here: search === '' ? path : `${path}?${search}`,
    ip,
    userAgent: request.headers['user-agent'] ?? '',
    token: html`<input type="hidden" name="token" value="${formToken(cookie)}" />`,
    page: (shown) => pageReply({ messages, ...shown, headers: { ...headers, ...shown.headers } }),
  }
}

/** A form that another site has sent, or that was made for another browser. */
function refuseForeign({ cookie, messages }: Visit, form: URLSearchParams): void {
  const [given, expected] = [Buffer.from(form.get('token') ?? ''), Buffer.from(formToken(cookie))]
  const isOurs = given.length === expected.length && timingSafeEqual(given, expected)
  if (!isOurs) throw refuse(403, 'M_OLD_FORM', messages.oldForm)
}

/** With the prefix no other host below ours can set it. It needs https. */
function cookieName({ config }: Services): string {
  return config.public_url.startsWith('https://') ? '__Host-domovoi' : 'domovoi'
}

function cookieOf(request: IncomingMessage, services: Services): string | undefined {
  const name = cookieName(services)
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=')
    if (key === name && value !== undefined && /^[\w-]{43}$/.test(value)) return value
  }
  return undefined
}

const COOKIE_SECONDS = 14 * 86_400

export function cookieHeader(cookie: string, services: Services): Record<string, string> {
  const secure = services.config.public_url.startsWith('https://') ? '; Secure' : ''
  const attributes = `Path=/; HttpOnly; SameSite=Lax; Max-Age=${COOKIE_SECONDS}${secure}`
  return { 'Set-Cookie': `${cookieName(services)}=${cookie}; ${attributes}` }
}

/** Goes on with a GET, whatever came before. */
export function seeOther(location: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return new Reply(303, undefined, { Location: location, 'Cache-Control': 'no-store', ...headers })
}

/** To the login page, and back to where one was. */
export function toLogin({ here }: Visit, query: Readonly<Record<string, string>> = {}): Reply {
  return seeOther(`/login?${new URLSearchParams({ ...query, continue: here }).toString()}`)
}

const ways = ['/account', '/link', '/oauth/authorize', '/auth/sso', '/auth/confirm', '/auth/telegram']

/** Where to go after the login: to a page of our own and nowhere else, whatever the address says (T66). */
export function continueOf(query: URLSearchParams): string {
  const given = query.get('continue') ?? ''
  if (!URL.canParse(given, 'http://here')) return '/account'
  const url = new URL(given, 'http://here')
  return url.host === 'here' && ways.includes(url.pathname) ? url.pathname + url.search : '/account'
}

/** `/login?continue=…` and the like: the same way on. */
export function withContinue(path: string, way: string): string {
  return `${path}?${new URLSearchParams({ continue: way }).toString()}`
}
