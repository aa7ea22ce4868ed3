import { lifetime, secret, secretFile, section, text, whole } from '../fields.ts'
import { bucket } from './bucket.ts'

export const backup = section('Copies of everything, made by `npm run cli -- backup` and by the server itself.', {
  every: lifetime('never', 'How often the server makes one, such as 24h.'),
  keep: whole(1, 1000, 7, 'So many are kept, the oldest go.'),
  path: text('Directory for them: better on another disk.', { otherwise: '<data_dir>/backups' }),
  passphrase: secret('Encrypts them. Keep it somewhere else too: nobody can open them without it.'),
  passphrase_file: secretFile('the passphrase for backups'),
  s3: bucket('An S3-compatible store that gets each of them as well, if a bucket is named.', 'domovoi-backups'),
})
