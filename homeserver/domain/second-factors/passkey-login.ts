/** Logging in with a passkey: at once, or in place of the code of an authenticator app. */
import type { LoginField, LoginMethod, SecondFactor } from '../oauth/sign-in.ts'
import type { Passkeys } from './passkeys.ts'

const id = 'passkey'
const field: LoginField = { name: 'credential', type: 'passkey', autocomplete: 'off' }

/** The device is what people have, and they have unlocked it by what only they know or are. */
export const passkeyMethod = (passkeys: Passkeys): LoginMethod => ({
  id,
  isWhole: true,
  fields: [field],
  prove: async (fields, _ip, cookie) => await passkeys.prove({ cookie, credential: fields.get(field.name) ?? '' }),
})

/** Asks for nothing by itself: a lost passkey shuts nobody out who has the password. */
export const passkeyFactor = (passkeys: Passkeys): SecondFactor => ({
  id,
  isSubstitute: true,
  field,
  isSetUp: async (userId) => (await passkeys.list(userId)).length > 0,
  prove: async (userId, fields, _ip, cookie) =>
    (await passkeys.prove({ cookie, credential: fields.get(field.name) ?? '' })) === userId,
})
