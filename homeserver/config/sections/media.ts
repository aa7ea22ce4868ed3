import { choice, list, section, size, text } from '../fields.ts'
import { hostPattern } from '../names.ts'
import { bucket } from './bucket.ts'

export const media = section('Pictures, videos and files.', {
  store: choice(['disk', 's3'], 'disk', 'Where files are kept.'),
  path: text('Directory for files, also for those on their way to S3.', { otherwise: '<data_dir>/media' }),
  max_upload: size('100MiB', 'Largest file somebody may upload. The reverse proxy must allow it too.'),
  previews: choice(
    ['on', 'off'],
    'on',
    'Previews of pages behind links, which the server fetches; none on private addresses.',
  ),
  previews_deny: list(hostPattern, [], 'Never fetch pages of these hosts, such as *.example.org.'),
  s3: bucket('An S3-compatible store, for store: s3.', 'domovoi-media'),
})
