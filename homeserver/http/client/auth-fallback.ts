/** Pages for clients that do not know a stage. https://spec.matrix.org/v1.19/client-server-api/#fallback */
import { hash } from 'node:crypto'
import { z } from 'zod'
import { notFound } from '../../core/errors.ts'
import type { UiaStage } from '../../domain/accounts/uia.ts'
import { readBytes } from '../body.ts'
import { endpoint, Reply } from '../endpoint.ts'

const path = '/auth/:authType/fallback/web'
const MAX_FORM = 4096
const query = z.object({ session: z.string().min(1) })

const pages: Readonly<Partial<Record<string, { readonly stage: UiaStage; readonly form: string }>>> = {
  'm.login.dummy': {
    stage: 'm.login.dummy',
    form: '<p>Nothing more is needed.</p><button>Continue</button>',
  },
  'm.login.registration_token': {
    stage: 'm.login.registration_token',
    form: '<label>Registration token <input name="token" autocomplete="off" required></label><button>Continue</button>',
  },
}

const showPage = endpoint({
  method: 'GET',
  path,
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'read',
  query,
  handle: ({ params }) => page(formOf(params.authType)),
})

const passPage = endpoint({
  method: 'POST',
  path,
  since: ['r0', 'v3'],
  auth: 'none',
  limit: 'register',
  query,
  body: 'stream',
  handle: async ({ params, query: { session }, request }, { uia }) => {
    const { stage } = knownPage(params.authType)
    const fields = new URLSearchParams((await readBytes(request, MAX_FORM)).toString())
    const isPassed = await uia.passByPage(session, stage, { token: fields.get('token') ?? undefined })
    return page(isPassed ? done : `<p>That did not work. Try again.</p>${formOf(params.authType)}`)
  },
})

function knownPage(authType: string) {
  const known = Object.hasOwn(pages, authType) ? pages[authType] : undefined
  if (!known) throw notFound('There is no page for this stage')
  return known
}

const formOf = (authType: string): string => `<form method="post">${knownPage(authType).form}</form>`

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
    'Content-Security-Policy': `default-src 'none'; style-src 'unsafe-inline'; script-src '${scriptHash}'; form-action 'self'`,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  })
}

export const authFallbackEndpoints = [showPage, passPage]
