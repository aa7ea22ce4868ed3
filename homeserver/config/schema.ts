/**
 * Every setting of the server: its name, its meaning, its default. This file is the manual: `config.sample.yaml` and
 * `docs/config.md` are made from it by `sample.ts`.
 *
 * Keys keep the names they have in the file. Unknown keys are errors, so that a typo is told and not ignored.
 */
import { z } from 'zod'
import type { Secret } from '../platform/secret.ts'
import {
  addresses,
  choice,
  duration,
  flag,
  lifetime,
  list,
  secret,
  secretFile,
  size,
  text,
  textOr,
  whole,
} from './fields.ts'

const section = <const Shape extends z.core.$ZodLooseShape>(description: string, shape: Shape) =>
  z
    .strictObject(shape, { error: 'a section of settings' })
    .prefault({} as never)
    .meta({ description })

/** On SIGHUP. */
const reloads = { reloads: true }

/** What follows the colon in user ids. https://spec.matrix.org/v1.19/appendices/#server-name */
const SERVER_NAME = /^(?:[0-9A-Za-z.-]{1,230}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/
const HOST_PORT = /^(?:[0-9A-Za-z.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}$/

const serverName = z
  .string({ error: 'a server name such as example.org' })
  .regex(SERVER_NAME, { error: 'a server name such as example.org, without https:// or path' })
const serverPattern = z
  .string({ error: 'server names' })
  .regex(/^[\w.*?:[\]-]+$/, { error: 'server names such as example.org or *.example.org' })
const hostPattern = z
  .string({ error: 'host names' })
  .regex(/^[\w.*?:[\]-]+$/, { error: 'host names such as example.org or *.example.org' })
const listenAddress = z
  .string({ error: 'host:port' })
  .regex(HOST_PORT, { error: 'host:port such as 127.0.0.1:9009' })
  .transform((value) => {
    const colon = value.lastIndexOf(':')
    return { host: value.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(value.slice(colon + 1)) }
  })
  .optional()
const address = z.url({ protocol: /^https?$/, error: 'an address that starts with https:// or http://' })
const httpUrl = address.optional()

const turnUri = z
  .string({ error: 'addresses in quotes such as "turn:turn.example.org:3478?transport=udp"' })
  .regex(/^turns?:[^\s/]+$/, { error: 'addresses that begin with turn: or turns:' })

const roomAlias = z
  .string({ error: 'an alias in quotes such as "#welcome:example.org"' })
  .regex(/^#[^:\s]+:\S+$/, { error: 'an alias such as #welcome:example.org' })

/** https://spec.matrix.org/v1.19/appendices/#opaque-identifiers */
const opaqueId = z
  .string({ error: "a text in quotes such as '1.0'" })
  .regex(/^[\w.~-]{1,255}$/, { error: 'letters, digits and the characters . _ ~ -' })
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

const issuer = z
  .string({ error: 'an address that starts with https://' })
  .regex(/^https:\/\/[^\s?#]+$|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?(?:\/[^\s?#]*)?$/, {
    error: 'an address that starts with https://',
  })

const openIdProvider = z.strictObject(
  {
    id: opaqueId.regex(/^[a-z\d._-]{1,40}$/, { error: 'a short name of letters a to z, digits and . _ -' }),
    name: z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }),
    brand: z.string({ error: 'a text' }).optional(),
    issuer,
    client_id: z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }),
    client_secret_file: z.string({ error: 'the path of a file' }).min(1, { error: 'the path of a file' }),
    scopes: z.array(z.string(), { error: 'a list of texts' }).default(['openid', 'profile']),
    registration: z
      .enum(['server', 'open', 'invite', 'closed'], { error: 'one of server, open, invite, closed' })
      .default('server'),
  },
  { error: 'an OpenID provider with id, name, issuer, client_id and client_secret_file' },
)

const bucket = (description: string, example: string) =>
  section(description, {
    endpoint: httpUrl.meta({ description: 'Address of the service.', example: 'https://s3.example.org' }),
    region: textOr('us-east-1', 'Region used in signatures.'),
    bucket: text('Name of the bucket. It must exist.', { example }),
    access_key_id: secret('Access key.'),
    access_key_id_file: secretFile('the access key'),
    secret_access_key: secret('Secret key.'),
    secret_access_key_file: secretFile('the secret key'),
  })

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
  registration: section('Who may make an account.', {
    mode: choice(
      ['closed', 'invite', 'open'],
      'invite',
      'closed: only `npm run cli -- register-user`. invite: also by a code of `npm run cli -- invite`. open: anybody.',
    ),
    i_accept_abuse_risk: flag(
      false,
      'Must be true for mode open: open servers are found and used by spammers in days.',
    ),
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
      otherwise: 'one in data_dir, made at the first start',
    }),
  }),
  auth: section('Logging in.', {
    oauth: choice(
      ['auto', 'on', 'off'],
      'auto',
      'OAuth 2.0 for apps; older ones log in as ever. auto: where public_url is https, as apps take nothing less.',
    ),
    providers: z
      .array(openIdProvider, { error: 'a list of OpenID providers' })
      .default([])
      .meta({
        description:
          'OpenID providers by which people log in, each with the redirect URI <public_url>/auth/oidc/<id>/callback: ' +
          "{ id: work, name: Work, issuer: 'https://id.example.org', client_id: domovoi, client_secret_file: /run/secrets/oidc }. " +
          'Further keys: brand, scopes, registration (server, open, invite or closed: who gets an account).',
      }),
    sso_trusted: list(
      z.string({ error: 'an origin or a scheme' }).regex(/^(https?:\/\/[^/\s]+|[a-z][a-z\d+.-]*:)$/, {
        error: 'origins such as https://app.element.io or schemes such as io.element.desktop:',
      }),
      [],
      'Apps to which people go back from the login page without being asked: origins or schemes.',
    ),
    access_token_lifetime: duration('1h', 'Life of an access token for apps that can refresh it.'),
    refresh_token_lifetime: lifetime('never', 'After how long without use a session of such an app ends.'),
    session_lifetime: lifetime('never', 'After how long a session ends, however it is used.'),
    lockout_failures: whole(1, 1000, 5, 'So many wrong passwords lock the account for the network they came from.'),
    lockout_time: duration('15m', 'How long that lock lasts.'),
    password_hash: choice(
      ['default', 'fast'],
      'default',
      'default: argon2id with 19 MiB. fast: for tests only, stolen hashes are easily broken.',
    ),
  }),
  telegram: section('Telegram groups as rooms, and logging in by Telegram. docs/telegram.md shows how to set it up.', {
    bot_token: secret('Token of the bot, from @BotFather.'),
    bot_token_file: secretFile('the token of the bot'),
    run: choice(
      ['embedded', 'separate'],
      'embedded',
      'embedded: the bridge runs within the server. separate: by `npm run bridge:telegram`.',
    ),
    admins: list(
      z.string().regex(/^@[^:\s]+:\S+$/, { error: 'user ids such as "@alice:example.org"' }),
      [],
      'Matrix users who may bridge any room.',
    ),
    max_file: size('50MiB', 'Largest file that goes to Telegram, which takes no more than 50MiB from bots.'),
    sync_metadata: choice(
      ['from_telegram', 'both', 'none'],
      'from_telegram',
      'Name, topic and picture: whether rooms follow their groups, and groups their rooms.',
    ),
    topics: choice(
      ['rooms', 'threads', 'flat'],
      'rooms',
      'Topics of forums: rooms of their own, threads in the room of the group, or flat: all in that room.',
    ),
    comments: choice(
      ['room', 'threads'],
      'room',
      'Comments on posts of a channel: in the room of its group, or threads below the posts.',
    ),
    private_chats: flag(false, 'Private chats with the bot are rooms, one each, for those who are in admins.'),
    ffmpeg: textOr('ffmpeg', 'The program that makes pictures of stickers that are films, if it is there.'),
    group_rate: whole(1, 100_000, 20, 'Messages to a group in a minute: Telegram refuses what comes faster.'),
    api_root: address
      .default('https://api.telegram.org')
      .meta({ description: 'Bot API server; another one for tests, or for larger files.' }),
    webhook: httpUrl.meta({
      description: 'How Telegram reaches /telegram/webhook.',
      example: 'https://chat.example.org',
      otherwise: 'updates are asked for',
    }),
    listen: listenAddress.meta({
      description: 'host:port where the homeserver reaches the bridge.',
      example: '127.0.0.1:29317',
      otherwise: 'a socket in data_dir',
    }),
    homeserver: httpUrl.meta({
      description: 'separate: where the homeserver is.',
      example: 'http://127.0.0.1:8008',
      otherwise: 'http://127.0.0.1:<listen.port>',
    }),
    login: section('Logging in by a code that the bot shows.', {
      mode: choice(
        ['match', 'link', 'open', 'off'],
        'match',
        'link: a button on the login page. match: also a picture there. open: any code, then a question.',
      ),
      registration: choice(
        ['server', 'open', 'invite', 'closed'],
        'server',
        'Who gets an account at the first login. server: as registration.mode says.',
      ),
      client_id: z
        .union([z.int().nonnegative(), z.string().min(1)], { error: 'a number or a text' })
        .transform(String)
        .optional()
        .meta({
          description: "Client id of Telegram's own login, from @BotFather.",
          example: '123456789',
          otherwise: 'codes alone',
        }),
      client_secret: secret("The secret for Telegram's own login, from @BotFather."),
      client_secret_file: secretFile('the secret of that client'),
      issuer: issuer.default('https://oauth.telegram.org').meta({ description: "Address of Telegram's own login." }),
    }),
  }),
  webhooks: choice(
    ['off', 'on'],
    'off',
    'on: programs post in rooms, and are told what is said there. docs/webhooks.md.',
  ),
  mail: section('The SMTP server that sends e-mail: to confirm addresses and to reset passwords.', {
    host: text('Its host name.', { example: 'smtp.example.org', otherwise: 'no e-mail is sent' }),
    port: whole(1, 65_535, 587, 'TCP port.'),
    encryption: choice(
      ['starttls', 'tls', 'none'],
      'starttls',
      'starttls: on port 587. tls: from the first byte, on port 465. none: only on this machine.',
    ),
    user: text('User name there.', { example: 'domovoi' }),
    password: secret('Password there.'),
    password_file: secretFile('the password for the SMTP server'),
    from: text('The sender that people see.', {
      example: 'Example <noreply@example.org>',
      otherwise: 'Domovoi <noreply@<server_name>>',
    }),
  }),
  sms: section('Text messages, to confirm telephone numbers.', {
    gateway: httpUrl.meta({
      description: 'Gets POST {"to": "447700900001", "text": "..."} for each message, and answers 2xx.',
      example: 'https://sms.example.org/send',
      otherwise: 'off',
    }),
    secret: secret('Sent to the gateway as bearer token.'),
    secret_file: secretFile('the secret for the SMS gateway'),
  }),
  encryption: section('End-to-end encryption.', {
    default: choice(
      ['on', 'off'],
      'on',
      'What apps begin with. on: private rooms are encrypted unless who makes them says otherwise. off: if they say so.',
    ),
  }),
  federation: section('Talking to other servers.', {
    mode: choice(['off', 'open'], 'off', 'off: an island. open: with every Matrix server. Needs a public server_name.'),
    allow: list(
      serverPattern,
      [],
      'Only with these servers, if there are any in the list; * stands for anything.',
    ).meta(reloads),
    deny: list(serverPattern, [], 'Never with these servers, such as spam.example or *.spam.example.').meta(reloads),
    key_servers: list(
      serverName,
      [],
      'Servers to ask for the signing keys of others that do not answer themselves. Profile community: matrix.org.',
    ),
    device_names: flag(false, 'Tell other servers how people call their devices, such as "Phone of Kim".'),
  }),
  support: section('Whom people may turn to, told at /.well-known/matrix/support.', {
    matrix_id: z
      .string()
      .regex(/^@[^:\s]+:\S+$/, { error: 'a user id such as @admin:example.org' })
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
  rooms: section('Rooms made on this server.', {
    default_version: z
      .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string())
      .pipe(
        z.enum(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'], { error: 'a room version, 1 to 12' }),
      )
      .prefault(12)
      .meta({
        description: 'Room version of new rooms, unless their creator says otherwise.',
        type: ['string', 'integer'],
      }),
    auto_join: list(
      roomAlias,
      [],
      'Rooms that new users come into, by aliases such as "#welcome:example.org". Ours are made if they are missing.',
    ),
    voice: list(roomAlias, [], 'Voice rooms that new users come into, made if they are missing. docs/calls.md'),
    space: roomAlias.optional().meta({
      description: 'A space that new users come into, with these rooms in it. It is made if it is missing.',
      example: '#home:example.org',
    }),
    retention: section(
      'For how long messages are kept, with the files they show; names, members and other state stay.',
      {
        mode: choice(['off', 'on'], 'off', 'on: as long as m.room.retention of their room says. off: for ever.'),
        default: lifetime('never', 'After how long messages go in rooms that say nothing.'),
        min: duration('1h', 'The shortest time that a room may wish for.'),
        max: lifetime('never', 'The longest time that a room may wish for.'),
      },
    ),
  }),
  notices: section('What the server itself says to its users, by POST /_synapse/admin/v1/send_server_notice.', {
    user: z
      .string({ error: 'the part of a user id before the colon' })
      .regex(/^[\w.=/+-]{1,200}$/, { error: 'a name of letters a to z, digits and the characters . _ = / + -' })
      .default('_server')
      .meta({ description: 'The user as whom it speaks, and who owns the rooms of rooms.auto_join.' }),
    name: textOr('Server', 'What that user is called.'),
    room_name: textOr('Notices', 'What the rooms are called in which it speaks.'),
  }),
  media: section('Pictures, videos and files.', {
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
  }),
  calls: section('Voice and video.', {
    sfu: choice(
      ['auto', 'external', 'off'],
      'auto',
      'The LiveKit server that calls of groups go through. auto: this server runs livekit-server where it finds one; ' +
        '`npm run calls:install` puts it there. external: one that runs elsewhere. off: only calls of two.',
    ),
    udp_port: whole(1, 65_535, 7882, 'auto: UDP port for sound and pictures. Open it to the internet.'),
    tcp_port: whole(1, 65_535, 7881, 'auto: TCP port for people whose network lets no UDP through. Open it too.'),
    address: z.union([z.ipv4(), z.ipv6()], { error: 'an IP address' }).optional().meta({
      description: 'auto: IP address at which people reach these ports.',
      example: '203.0.113.7',
      otherwise: 'asked of a STUN server; profile local: its own',
    }),
    livekit_url: z
      .url({ protocol: /^wss?$/, error: 'an address that starts with wss:// or ws://' })
      .optional()
      .meta({ description: 'external: its address for browsers and apps.', example: 'wss://livekit.example.org' }),
    livekit_internal_url: httpUrl.meta({
      description: 'external: its address for this server.',
      example: 'http://10.0.0.7:7880',
      otherwise: 'livekit_url',
    }),
    api_key: text('external: name of its API key.', { example: 'APIdomovoi' }),
    api_secret: secret('external: secret of that key.'),
    api_secret_file: secretFile('the secret of that key'),
    remote_publish: choice(
      ['auto', 'always', 'never'],
      'auto',
      'Whether people of other servers may send through this SFU. auto: only older apps, which must.',
    ),
    max_delay: duration(
      '24h',
      'How long before its time an app may leave an event here. Calls need it: who vanishes leaves by such an event.',
    ),
    music: choice(['off', 'on'], 'off', 'on: a bot plays sound files of rooms in their calls. docs/music.md'),
    history: lifetime('90d', 'How long it is kept who was in which call. Who is erased is gone from it at once.'),
    guest_links: flag(true, 'Whether members may make links by which people without an account come into a call.'),
    turn: section('The TURN server (coturn) that carries one-to-one calls through firewalls.', {
      uris: list(turnUri, [], 'Its addresses, such as "turn:turn.example.org:3478?transport=udp".'),
      secret: secret('The secret shared with it, in coturn static-auth-secret.'),
      secret_file: secretFile('the secret shared with the TURN server'),
      lifetime: duration('1d', 'How long an app may use what it was given.'),
      guests: flag(true, 'Whether guests may use it.'),
    }),
  }),
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
  backup: section('Copies of everything, made by `npm run cli -- backup` and by the server itself.', {
    every: lifetime('never', 'How often the server makes one, such as 24h.'),
    keep: whole(1, 1000, 7, 'So many are kept, the oldest go.'),
    path: text('Directory for them: better on another disk.', { otherwise: '<data_dir>/backups' }),
    passphrase: secret('Encrypts them. Keep it somewhere else too: nobody can open them without it.'),
    passphrase_file: secretFile('the passphrase for backups'),
    s3: bucket('An S3-compatible store that gets each of them as well, if a bucket is named.', 'domovoi-backups'),
  }),
  appservices: list(
    z.string(),
    [],
    'Registration files (YAML) of bridges and bots, or directories of them, in this order. Read again on SIGHUP.',
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
