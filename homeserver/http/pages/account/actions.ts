/** What the account page can be opened for. https://spec.matrix.org/v1.19/client-server-api/#account-management-url-actions */

export type AccountView =
  | 'profile'
  | 'devices'
  | 'device'
  | 'end'
  | 'password'
  | 'data'
  | 'deactivate'
  | 'reset'
  | 'logins'
  | 'second_factor'
  | 'passkeys'
  | 'emails'
  | 'telegram'

/** The names of the specification, then those before it, which Element X knows, then pages of our own. */
const viewOf: Readonly<Record<string, AccountView>> = {
  'org.matrix.profile': 'profile',
  'org.matrix.devices_list': 'devices',
  'org.matrix.device_view': 'device',
  'org.matrix.device_delete': 'end',
  'org.matrix.account_deactivate': 'deactivate',
  'org.matrix.cross_signing_reset': 'reset',
  'org.matrix.sessions_list': 'devices',
  'org.matrix.session_view': 'device',
  'org.matrix.session_end': 'end',
  profile: 'profile',
  sessions_list: 'devices',
  session_view: 'device',
  session_end: 'end',
  password: 'password',
  data: 'data',
  logins: 'logins',
  emails: 'emails',
  second_factor: 'second_factor',
  passkeys: 'passkeys',
  telegram: 'telegram',
}

export const accountActions = Object.keys(viewOf).filter((action) => action.startsWith('org.matrix.'))

export function accountView(action: string | undefined): AccountView {
  return action !== undefined && Object.hasOwn(viewOf, action) ? (viewOf[action] ?? 'profile') : 'profile'
}
