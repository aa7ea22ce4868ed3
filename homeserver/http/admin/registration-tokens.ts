/** Codes for sign-up. https://element-hq.github.io/synapse/latest/usage/administration/admin_api/registration_tokens.html */
import { z } from 'zod'
import type { RegistrationToken } from '../../domain/accounts/registration-tokens.ts'
import { endpoint } from '../endpoint.ts'
import { flag } from '../query-flag.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_synapse/admin/v1/registration_tokens'
const one = { ...common, path: `${path}/:token` } as const

const uses = z.number().int().min(0).nullish()
const expiry = z.number().int().min(0).nullish()

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  query: z.object({ valid: flag.optional() }),
  handle: async ({ query }, { registrationTokens, clock }) => {
    const tokens = await registrationTokens.list()
    const now = clock.now()
    const found = query.valid === undefined ? tokens : tokens.filter((token) => isValid(token, now) === query.valid)
    return { registration_tokens: found.map(shown) }
  },
})

const create = endpoint({
  ...common,
  method: 'POST',
  path: `${path}/new`,
  body: z
    .object({
      token: z.string().optional(),
      length: z.number().int().min(1).max(64).optional(),
      uses_allowed: uses,
      expiry_time: expiry,
    })
    .prefault({}),
  handle: async ({ body }, { registrationTokens }) =>
    shown(
      await registrationTokens.create({
        token: body.token,
        length: body.length,
        usesAllowed: body.uses_allowed ?? undefined,
        expiresTs: body.expiry_time ?? undefined,
      }),
    ),
})

const get = endpoint({
  ...one,
  method: 'GET',
  handle: async ({ params }, { registrationTokens }) => shown(await registrationTokens.get(params.token)),
})

/** What is absent stays, what is null is taken away. */
const update = endpoint({
  ...one,
  method: 'PUT',
  body: z.object({ uses_allowed: uses, expiry_time: expiry }),
  handle: async ({ params, body }, { registrationTokens }) => {
    const { usesAllowed, expiresTs } = await registrationTokens.get(params.token)
    const changed = {
      usesAllowed: body.uses_allowed === undefined ? usesAllowed : (body.uses_allowed ?? undefined),
      expiresTs: body.expiry_time === undefined ? expiresTs : (body.expiry_time ?? undefined),
    }
    return shown(await registrationTokens.change(params.token, changed))
  },
})

const remove = endpoint({
  ...one,
  method: 'DELETE',
  handle: async ({ params }, { registrationTokens }) => {
    await registrationTokens.remove(params.token)
    return {}
  },
})

const isValid = ({ usesAllowed = Infinity, completed, expiresTs = Infinity }: RegistrationToken, now: number) =>
  completed < usesAllowed && now < expiresTs

const shown = ({ token, usesAllowed, completed, expiresTs }: RegistrationToken) => ({
  token,
  uses_allowed: usesAllowed ?? null,
  pending: 0, // a use is counted when the account is made
  completed,
  expiry_time: expiresTs ?? null,
})

export const adminRegistrationTokensEndpoints = [list, create, get, update, remove]
