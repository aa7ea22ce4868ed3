/** What all pages have in common: frame, style, headers. */
import { hash } from 'node:crypto'
import { type Refuse, Reply } from '../endpoint.ts'
import { Html, html } from './html.ts'
import { messagesFor, type Messages, textOf } from './messages/messages.ts'
import { style, styleHash } from './style.ts'

export interface Page {
  readonly messages: Messages
  readonly title: string
  readonly content: Html
  readonly status?: number
  /** Above the content: the parts of the account. */
  readonly navigation?: Html | undefined
  readonly isWide?: boolean
  /** Where forms may lead besides this server, as sources of a content security policy. */
  readonly formTargets?: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  /** Run at the end of the page, and may ask this server; the page has to do without as well. */
  readonly script?: string | undefined
  /** Other places that the script asks, as sources of a content security policy; and whether it loads more of itself. */
  readonly connects?: readonly string[]
  readonly loadsMore?: boolean
  /** Of others, which nothing but a setting may bring here: scripts, and what they may show in frames. */
  readonly embeds?: { readonly scripts: readonly string[]; readonly frames: readonly string[] } | undefined
  /** Seconds after which the page looks again. */
  readonly refreshAfter?: number | undefined
}

export function pageReply({ messages, title, content, status = 200, formTargets = [], headers, ...more }: Page): Reply {
  const page = html`<!doctype html>
<html lang="${messages.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
${styleElement}${more.refreshAfter !== undefined && html`<meta http-equiv="refresh" content="${more.refreshAfter}" />`}
</head>
<body>
<header>Domovoi</header>
${more.navigation}
<main${more.isWide && wide}>
<h1>${title}</h1>
${content}
</main>
${more.script !== undefined && new Html(`<script>${more.script}</script>`)}</body>
</html>
`
  return new Reply(status, page.text, { ...pageHeaders(formTargets, more), ...headers })
}

const styleElement = new Html(`<style>${style}</style>`)
const wide = new Html(' class="wide"')

/** Nothing is loaded, and nothing run but the script of the page; nobody may put the page into a frame, and nobody learns where people came from (T68). */
function pageHeaders(
  formTargets: readonly string[],
  { script, connects = [], loadsMore = false, embeds }: Pick<Page, 'script' | 'connects' | 'loadsMore' | 'embeds'>,
): Record<string, string> {
  const scripts =
    script === undefined ? '' : `'sha256-${hash('sha256', script, 'base64')}'${loadsMore ? " 'strict-dynamic'" : ''}`
  const policy = [
    "default-src 'none'",
    `style-src '${styleHash}'`,
    ...(script === undefined ? [] : [`script-src ${scripts}`, `connect-src ${["'self'", ...connects].join(' ')}`]),
    ...(embeds ? [`script-src ${embeds.scripts.join(' ')}`, `frame-src ${embeds.frames.join(' ')}`] : []),
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': policy.join('; '),
    'X-Frame-Options': 'DENY',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
    Vary: 'Accept-Language, Cookie',
  }
}

/** What was refused before a page could say it better. */
export const refusalPage: Refuse = ({ status, headers, errcode, error }, request) => {
  const messages = messagesFor(request)
  const text = status >= 500 ? messages.fault : (textOf(messages, errcode) ?? error)
  return pageReply({ messages, title: messages.sorry, content: html`<p role="alert">${text}</p>`, status, headers })
}
