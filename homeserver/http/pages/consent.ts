/** Asks people whether a client may have a session. */
import { clientName } from '../../domain/oauth/client-metadata.ts'
import type { Client } from '../../domain/oauth/clients.ts'
import { adminScope } from '../../domain/accounts/authentication.ts'
import type { Visitor } from '../../domain/oauth/browser-sessions.ts'
import { type Html, html } from './html.ts'
import { type Visit, withContinue } from './page.ts'

export interface Asked {
  readonly visitor: Visitor
  readonly client: Client
  readonly scope: string
  readonly deviceId: string
  /** Where the browser goes on, or undefined where another device waits. */
  readonly redirectUri?: string
  readonly warning: string
}

/** A client may call itself as it likes; whose address it has and where the answer goes are shown beside. */
export function consentForm({ messages, token, here }: Visit, asked: Asked): Html {
  const { visitor, client, scope, deviceId, redirectUri, warning } = asked
  const { metadata } = client
  const isAdmin = visitor.isAdmin && scope.split(' ').includes(adminScope)
  const links = [
    documentLink(metadata['policy_uri'], messages.privacyPolicy),
    documentLink(metadata['tos_uri'], messages.termsOfService),
  ].filter((link) => link !== undefined)
  return html`<dl>
      <dt>${messages.youAre}</dt>
      <dd>${visitor.userId}</dd>
      <dt>${messages.app}</dt>
      <dd>${clientName(metadata, messages.language)}</dd>
      <dt>${messages.appFrom}</dt>
      <dd>${new URL(metadata.client_uri).host}</dd>
      ${
        redirectUri !== undefined &&
        html`<dt>${messages.goesTo}</dt>
          <dd>${placeOf(redirectUri) ?? messages.thisDevice}</dd>`
      }
      <dt>${messages.session}</dt>
      <dd>${deviceId}</dd>
    </dl>
    <p>${messages.allowsAll}</p>
    ${isAdmin && html`<p class="error">${messages.allowsAdmin}</p>`}
    <p class="soft">${warning}</p>
    ${links.length > 0 && html`<p class="soft">${links}</p>`}
    <form method="post" action="${here}">
      ${token}
      <p class="actions">
        <button name="decision" value="allow">${messages.allow}</button>
        <button name="decision" value="deny" class="plain">${messages.deny}</button>
      </p>
    </form>
    <p><a href="${withContinue('/login', here)}">${messages.anotherAccount}</a></p>`
}

function documentLink(uri: unknown, name: string): Html | undefined {
  return typeof uri === 'string' ? html`<a href="${uri}" target="_blank" rel="noopener">${name}</a> ` : undefined
}

/** The host of a web address; an app or a program on the same machine has none. */
export function placeOf(redirectUri: string): string | undefined {
  return redirectUri.startsWith('https://') ? new URL(redirectUri).host : undefined
}
