/** Pages for clients that do not know a stage. https://spec.matrix.org/v1.19/client-server-api/#fallback */
import { hash } from 'node:crypto'
import { z } from 'zod'
import type { Config } from '../../config/schema.ts'
import { notFound } from '../../core/errors.ts'
import type { UiaStage } from '../../domain/accounts/uia.ts'
import { readBytes } from '../body.ts'
import { endpoint, Reply } from '../endpoint.ts'

const path = '/auth/:authType/fallback/web'
const MAX_FORM = 4096
const query = z.object({ session: z.string().min(1) })

interface Page {
  readonly stage: UiaStage
  readonly fields: (config: Config) => string
}

const pages: Readonly<Partial<Record<string, Page>>> = {
  'm.login.dummy': { stage: 'm.login.dummy', fields: () => '<p>Nothing more is needed.</p>' },
  'm.login.registration_token': {
    stage: 'm.login.registration_token',
    fields: () => '<p><label>Registration token <input name="token" autocomplete="off" required></label></p>',
  },
  'm.login.terms': {
    stage: 'm.login.terms',
    fields: ({ registration }) => registration.terms.map(policyField).join('\n'),
  },
}

/** A box to tick, with the document in all its languages. */
function policyField({ id: _id, version: _version, ...languages }: Config['registration']['terms'][number]): string {
  const links = Object.entries(languages).map(
    ([language, { name, url }]) =>
      `<a href="${escaped(url)}" target="_blank" rel="noopener" lang="${escaped(language)}">${escaped(name)}</a>`,
  )
  return `<p><label><input type="checkbox" required> I accept: ${links.join(' · ')}</label></p>`
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

const showPage = endpoint({
  method: 'GET',
  path,
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  query,
  handle: ({ params }, { config }) => page(formOf(params.authType, config)),
})

const passPage = endpoint({
  method: 'POST',
  path,
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'register',
  query,
  body: 'stream',
  handle: async ({ params, query: { session }, request }, { config, uia }) => {
    const { stage } = knownPage(params.authType)
    const fields = new URLSearchParams((await readBytes(request, MAX_FORM)).toString())
    const isPassed = await uia.passByPage(session, stage, { token: fields.get('token') ?? undefined })
    return page(isPassed ? done : `<p>That did not work. Try again.</p>${formOf(params.authType, config)}`)
  },
})

function knownPage(authType: string) {
  const known = Object.hasOwn(pages, authType) ? pages[authType] : undefined
  if (!known) throw notFound('There is no page for this stage')
  return known
}

function formOf(authType: string, config: Config): string {
  return `<form method="post">${knownPage(authType).fields(config)}<button>Continue</button></form>`
}

const script = `if (window.onAuthDone) window.onAuthDone()
else if (window.opener && window.opener.postMessage) window.opener.postMessage('authDone', '*')`

const scriptHash = `sha256-${hash('sha256', script, 'base64')}`
const done = `<p>Done. You can close this window.</p><script>${script}</script>`

function page(content: string): Reply {
  const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign in</title>
<body style="font: 1rem system-ui; max-width: 26rem; margin: 3rem auto">${content}</body>
</html>
`
  return new Reply(200, html, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': `default-src 'none'; style-src 'unsafe-inline'; script-src '${scriptHash}'; form-action 'self'; frame-ancestors 'none'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  })
}

export const authFallbackEndpoints = [showPage, passPage]
