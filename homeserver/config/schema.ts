/**
 * Every setting of the server: its name, its meaning, its default; the longer sections are in `sections/`. This is the
 * manual: `config.sample.yaml` and `docs/config.md` are made from it by `sample.ts`.
 *
 * Keys keep the names they have in the file. Unknown keys are errors, so that a typo is told and not ignored.
 */
import { z } from 'zod'
import type { Secret } from '../platform/secret.ts'
import { addresses, choice, list, reloads, secret, secretFile, section, text, textOr, whole } from './fields.ts'
import { httpUrl, listenAddress, serverName, userId } from './names.ts'
import { auth } from './sections/auth.ts'
import { backup } from './sections/backup.ts'
import { calls } from './sections/calls.ts'
import { federation } from './sections/federation.ts'
import { mail, sms } from './sections/mail.ts'
import { media } from './sections/media.ts'
import { registration } from './sections/registration.ts'
import { notices, rooms } from './sections/rooms.ts'
import { telegram } from './sections/telegram.ts'
import { tracing } from './sections/tracing.ts'

export const schema = z.strictObject({
  server_name: serverName.default('localhost').meta({
    description:
      'The part after the colon in @you:example.org. It is in every id the server makes: it cannot change once people talk.',
  }),
  public_url: httpUrl.meta({
    description: 'How browsers and apps reach this server.',
    example: 'https://chat.example.org',
    otherwise: 'https://<server_name>',
  }),
  profile: choice(
    ['local', 'family', 'community'],
    'local',
    'Who the server is for; sets other defaults. local: one network, generous rate limits. family: over the internet, ' +
      'without other servers. community: federation on, presence within this server.',
  ),
  data_dir: textOr('./data', 'Directory for the database, keys, secrets and media. Nobody but the server may read it.'),
  listen: section('The address that browsers, apps and the reverse proxy connect to, by plain HTTP.', {
    host: textOr('0.0.0.0', 'Address: 127.0.0.1 when a reverse proxy runs on the same machine, :: for IPv6 too.'),
    port: whole(0, 65_535, 8008, 'TCP port.'),
    trusted_proxies: addresses(
      ['127.0.0.1', '::1'],
      'Reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.',
    ),
  }),
  tls: section('Encryption of connections to this server.', {
    mode: choice(
      ['proxy', 'files'],
      'proxy',
      'proxy: a reverse proxy in front does it. files: the server also listens on tls.port with the certificate below.',
    ),
    port: whole(0, 65_535, 8448, 'TCP port for HTTPS. 8448 is where other servers look first.'),
    cert: text('Certificate chain, PEM.', { example: '/etc/ssl/example.org/fullchain.pem' }).meta(reloads),
    key: text('Private key of the certificate, PEM.', { example: '/etc/ssl/example.org/privkey.pem' }).meta(reloads),
  }),
  database: section('Where everything but media is kept.', {
    url: z
      .string({ error: 'sqlite:PATH or postgres://user@host/name' })
      .regex(/^(?:sqlite:.+|postgres(?:ql)?:\/\/.+)$/, { error: 'sqlite:PATH or postgres://user@host/name' })
      .optional()
      .meta({
        description: 'SQLite for some hundred people, Postgres (UTF8, collation C) for more.',
        example: 'postgres://domovoi@localhost/domovoi',
        otherwise: 'sqlite:<data_dir>/domovoi.db',
      }),
    password: secret('Password for Postgres.'),
    password_file: secretFile('the password for Postgres'),
    pool: whole(2, 200, 10, 'Connections to Postgres.'),
  }),
  registration,
  auth,
  telegram,
  webhooks: choice(
    ['off', 'on'],
    'off',
    'on: programs post in rooms, and are told what is said there. docs/webhooks.md.',
  ),
  mail,
  sms,
  encryption: section('End-to-end encryption.', {
    default: choice(
      ['on', 'off'],
      'on',
      'on: private rooms are encrypted unless who makes them says otherwise. off: only if they say so.',
    ),
  }),
  federation,
  support: section('Whom people may turn to, told at /.well-known/matrix/support.', {
    matrix_id: userId
      .optional()
      .meta({ description: 'A Matrix user, perhaps on another server.', example: '@admin:example.org' }),
    email: z
      .email({ error: 'an e-mail address' })
      .optional()
      .meta({ description: 'An e-mail address.', example: 'admin@example.org' }),
    page: httpUrl.meta({ description: 'A page with help.', example: 'https://example.org/help' }),
  }),
  outgoing: section('Connections that the server makes to others.', {
    allow_ranges: addresses([], 'Private or local ranges it may connect to; all others of that kind are refused.'),
    ca_file: text('Further certificate authorities to believe, PEM.', { example: '/etc/ssl/my-ca.pem' }),
  }),
  presence: choice(
    ['off', 'local', 'full'],
    'full',
    'Who sees who is online. off: nobody. local: people of this server. full: other servers too.',
  ),
  rooms,
  notices,
  media,
  calls,
  limits: section('Rate limits.', {
    preset: choice(
      ['normal', 'strict', 'lan', 'off'],
      'normal',
      'strict: for servers under attack. lan: generous. off: none, for tests.',
    ).meta(reloads),
  }),
  metrics: section('Numbers for Prometheus.', {
    listen: listenAddress.meta({
      description: 'host:port where GET /metrics answers. Keep it off the internet.',
      example: '127.0.0.1:9009',
      otherwise: 'off',
    }),
  }),
  tracing,
  log: section('What the server tells about its work, on standard output.', {
    level: choice(['debug', 'info', 'warn', 'error'], 'info', 'The least important messages to show.').meta(reloads),
    format: choice(
      ['auto', 'human', 'json'],
      'auto',
      'auto: human on a terminal, one JSON object a line elsewhere.',
    ).meta(reloads),
    path: text('Directory for domovoi.log and error.log as well, a JSON object a line.', {
      otherwise: 'no files',
    }).meta(reloads),
    keep: whole(1, 1000, 7, 'So many files of 50 MiB are kept of each, beside the one that is written.').meta(reloads),
  }),
  web: section('What people see in Element Web, by /element/config.json and `npm run cli -- element-config`.', {
    brand: textOr('Domovoi', 'What it is called.'),
  }),
  backup,
  appservices: list(
    z.string(),
    [],
    'Registration files (YAML) of bridges and bots, or directories of them. Read again on SIGHUP.',
  ).meta(reloads),
})

/** Defaults that follow from `profile`; the file and the environment win over them. */
export const profiles: Readonly<Record<Parsed['profile'], z.input<typeof schema>>> = {
  local: { limits: { preset: 'lan' } },
  family: {},
  community: { federation: { mode: 'open', key_servers: ['matrix.org'] }, presence: 'local' },
}

export type Parsed = z.output<typeof schema>

/** Frozen, with everything filled in that follows from other settings. A service gets its section only. */
export type Config = DeepReadonly<
  Parsed & {
    public_url: string
    database: { url: string }
    media: { path: string }
  }
>

type DeepReadonly<T> = T extends Secret ? T : T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T
