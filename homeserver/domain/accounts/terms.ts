/** What people accept who make an account. https://spec.matrix.org/v1.19/client-server-api/#terms-of-service-at-registration */
import type { Config } from '../../config/schema.ts'

export type Terms = Config['registration']['terms']

/** The documents as clients get them, by id. */
export function policiesOf(terms: Terms) {
  return { policies: Object.fromEntries(terms.map(({ id, ...policy }) => [id, policy])) }
}

/** What is kept of having accepted them: the version of each document, as JSON. */
export function acceptedVersions(terms: Terms): string {
  return JSON.stringify(Object.fromEntries(terms.map(({ id, version }) => [id, version])))
}
