/** What the script of the pages asks before the browser makes or shows a passkey. */
import { refuse } from '../../core/errors.ts'
import { Reply } from '../endpoint.ts'
import { page } from './page.ts'

export const passkeyPages = page({
  path: '/login/passkey',
  limit: 'oauth', // each log-in begins with a challenge or two; trying passkeys is limited where they are shown
  submit: async ({ cookie, form, visitor, halfway, messages }, { passkeys }) => {
    if (form.get('act') !== 'create') {
      return asJson(await passkeys.optionsForLogin({ cookie, userId: halfway?.userId }))
    }
    if (visitor?.isRecent !== true) throw refuse(403, 'M_OLD_FORM', messages.oldForm)
    return asJson(await passkeys.optionsForNew(visitor.userId, { cookie }))
  },
})

/** Challenges are good once. */
const asJson = (options: object): Reply => new Reply(200, options, { 'Cache-Control': 'no-store' })
