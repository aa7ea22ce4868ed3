import { z } from 'zod'
import { choice, flag, secret, secretFile, section } from '../fields.ts'
import { address, opaqueId } from '../names.ts'

const translation = z.strictObject(
  { name: z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }), url: address },
  { error: 'a language with name and url' },
)
/** Every other key is a language. https://spec.matrix.org/v1.19/client-server-api/#terms-of-service-at-registration */
const policy = z
  .object({ id: opaqueId, version: opaqueId }, { error: 'a document with id, version and languages' })
  .catchall(translation)
  .refine(({ id: _id, version: _version, ...languages }) => Object.keys(languages).length > 0, {
    error: 'a document with at least one language',
  })

export const registration = section('Who may make an account.', {
  mode: choice(
    ['closed', 'invite', 'open'],
    'invite',
    'closed: only `npm run cli -- register-user`. invite: also by a code of `npm run cli -- invite`. open: anybody.',
  ),
  i_accept_abuse_risk: flag(false, 'Must be true for mode open: open servers are found and used by spammers in days.'),
  email: choice(['off', 'required'], 'off', 'required: new accounts need a confirmed e-mail address.'),
  terms: z
    .array(policy, { error: 'a list of documents' })
    .default([])
    .meta({
      description:
        'Documents that people have to accept before they can make an account, each in at least one language, for instance: ' +
        "{ id: privacy, version: '1.0', en: { name: Privacy, url: 'https://example.org/privacy' } }.",
    }),
  shared_secret: secret('Who knows this secret may make accounts, admins too, at /_synapse/admin/v1/register.'),
  shared_secret_file: secretFile('the secret for /_synapse/admin/v1/register', {
    otherwise: 'one in data_dir',
  }),
})
