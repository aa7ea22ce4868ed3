/** For people who have lost what they log in with. */
import { notFound } from '../../core/errors.ts'
import { endpoint } from '../endpoint.ts'

const removeSecondFactor = endpoint({
  method: 'DELETE',
  path: '/_domovoi/admin/v1/users/:userId/second_factor',
  auth: 'admin',
  limit: 'admin',
  handle: async ({ params, who }, { moderation, authenticatorApp, passkeys }) => {
    const { userId } = await moderation.inspect(who, params.userId)
    const hadApp = await authenticatorApp.remove(userId)
    const hadPasskeys = (await passkeys.removeAll(userId)) > 0
    if (!hadApp && !hadPasskeys) throw notFound('The user has no second factor')
    return {}
  },
})

export const adminSecondFactorEndpoints = [removeSecondFactor]
