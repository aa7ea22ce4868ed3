import { z } from 'zod'
import { choice, flag, secret, secretFile, section, size, textOr, whole } from '../fields.ts'
import { address, httpUrl, issuer, listenAddress } from '../names.ts'

export const telegram = section(
  'Telegram groups as rooms, and logging in by Telegram. docs/telegram.md shows how to set it up.',
  {
    bot_token: secret('Token of the bot, from @BotFather.'),
    bot_token_file: secretFile('the token of the bot'),
    run: choice(
      ['embedded', 'separate'],
      'embedded',
      'embedded: the bridge runs within the server. separate: by `npm run bridge:telegram`.',
    ),
    permissions: z
      .record(
        z.string().regex(/^(?:\*|(?:@[^:\s]+:)?[\w.:[\]-]+)$/, {
          error: 'user ids such as "@alice:example.org", servers such as example.org, or "*"',
        }),
        z.enum(['relay', 'user', 'admin'], { error: 'relay, user or admin' }),
        { error: 'user ids, servers or "*", and what they may' },
      )
      .default({})
      .meta({
        description: "Who may bridge, such as { '@kim:example.org': admin }. If empty: people here. docs/telegram.md",
      }),
    max_portals: whole(1, 100_000, 100, 'So many chats one user may bridge. Admins may more.'),
    max_members: whole(1, 1_000_000, 20_000, 'Chats with more people than these are not bridged.'),
    federated_rooms: flag(true, 'Whether rooms may be bridged that people of other servers can enter.'),
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
    private_chats: flag(false, 'Private chats with the bot are rooms, one each, for the admins.'),
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
      widget: flag(false, 'Also by the login widget, whose page loads a script from telegram.org.'),
      issuer: issuer.default('https://oauth.telegram.org').meta({ description: "Address of Telegram's own login." }),
    }),
  },
)
