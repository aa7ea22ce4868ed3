import { z } from 'zod'
import { choice, duration, flag, lifetime, list, secret, secretFile, section, text, whole } from '../fields.ts'
import { httpUrl } from '../names.ts'

const turnUri = z
  .string({ error: 'addresses in quotes such as "turn:turn.example.org:3478?transport=udp"' })
  .regex(/^turns?:[^\s/]+$/, { error: 'addresses that begin with turn: or turns:' })

export const calls = section('Voice and video.', {
  sfu: choice(
    ['auto', 'external', 'off'],
    'auto',
    'The LiveKit server that calls of groups go through. auto: this server runs livekit-server where it finds one; ' +
      '`npm run calls:install` puts it there. external: one that runs elsewhere. off: only calls of two.',
  ),
  udp_port: whole(1, 65_535, 7882, 'auto: UDP port for sound and pictures. Open it to the internet.'),
  tcp_port: whole(1, 65_535, 7881, 'auto: TCP port for people whose network lets no UDP through. Open it too.'),
  address: z.union([z.ipv4(), z.ipv6()], { error: 'an IP address' }).optional().meta({
    description: 'auto: IP address of these ports.',
    example: '203.0.113.7',
    otherwise: 'asked of a STUN server, or the local one',
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
    'Whether people of other servers may send through it. auto: only older apps, which must.',
  ),
  max_delay: duration(
    '24h',
    'How long ahead an app may leave an event here. Calls need it: who vanishes leaves by one.',
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
})
