import { z } from 'zod'
import { choice, duration, lifetime, list, section, textOr } from '../fields.ts'
import { roomAlias } from '../names.ts'

export const rooms = section('Rooms made on this server.', {
  default_version: z
    .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string())
    .pipe(z.enum(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'], { error: 'a room version, 1 to 12' }))
    .prefault(12)
    .meta({
      description: 'Room version of new rooms, unless their creator says otherwise.',
      type: ['string', 'integer'],
    }),
  auto_join: list(
    roomAlias,
    [],
    'Rooms that new users come into, such as "#welcome:example.org". Ours are made if missing.',
  ),
  voice: list(roomAlias, [], 'Voice rooms that new users come into, made if they are missing. docs/calls.md'),
  space: roomAlias.optional().meta({
    description: 'A space that new users come into, with these rooms in it. It is made if it is missing.',
    example: '#home:example.org',
  }),
  retention: section('For how long messages are kept, with the files they show; names, members and other state stay.', {
    mode: choice(['off', 'on'], 'off', 'on: as long as m.room.retention of their room says. off: for ever.'),
    default: lifetime('never', 'After how long messages go in rooms that say nothing.'),
    min: duration('1h', 'The shortest time that a room may wish for.'),
    max: lifetime('never', 'The longest time that a room may wish for.'),
  }),
})

export const notices = section(
  'What the server itself says to its users, by POST /_synapse/admin/v1/send_server_notice.',
  {
    user: z
      .string({ error: 'the part of a user id before the colon' })
      .regex(/^[\w.=/+-]{1,200}$/, { error: 'a name of letters a to z, digits and the characters . _ = / + -' })
      .default('_server')
      .meta({ description: 'The user as whom it speaks, and who owns the rooms of rooms.auto_join.' }),
    name: textOr('Server', 'What that user is called.'),
    room_name: textOr('Notices', 'What the rooms are called in which it speaks.'),
  },
)
