import { secret, secretFile, section, text, textOr } from '../fields.ts'
import { httpUrl } from '../names.ts'

/** Where and as whom: any store that speaks the S3 protocol. */
export const bucket = (description: string, example: string) =>
  section(description, {
    endpoint: httpUrl.meta({ description: 'Address of the service.', example: 'https://s3.example.org' }),
    region: textOr('us-east-1', 'Region used in signatures.'),
    bucket: text('Name of the bucket. It must exist.', { example }),
    access_key_id: secret('Access key.'),
    access_key_id_file: secretFile('the access key'),
    secret_access_key: secret('Secret key.'),
    secret_access_key_file: secretFile('the secret key'),
  })
