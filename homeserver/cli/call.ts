import { type Answer, withAdminApi } from './admin-api.ts'
import { type Command, UsageError } from './command.ts'

const path = '/_domovoi/admin/v1/calls'

export const call: Command = {
  usage: 'list | end ROOM',
  help: `Looks after the calls of groups that go on now, beside the running server.

  list       a line for each who is in a call: room, person, device, since when
  end ROOM   cuts off everybody who is in the room's call. They are in the room still, and may begin another one.`,
  options: {},
  async run({ positionals: [action, roomId, ...rest], config, print }) {
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    if (action === 'list' && roomId === undefined) return print(await list(config()))
    if (action === 'end' && roomId !== undefined) return print(await end(config(), roomId))
    throw new UsageError('list or end ROOM?')
  },
}

type Config = Parameters<typeof withAdminApi>[0]

async function list(config: Config): Promise<string> {
  const { calls } = await withAdminApi(config, (ask) => ask('GET', path))
  const lines = (calls as readonly Answer[]).flatMap(linesOf) // our own server's answer
  return lines.length === 0 ? 'Nobody is in a call' : lines.join('\n')
}

const linesOf = ({ room_id: roomId, participants }: Answer): string[] =>
  (participants as readonly Answer[]).map(({ user_id: userId, device_id: device, joined_ts: joined }) =>
    [roomId, userId, device ?? '', new Date(Number(joined)).toISOString()].join('\t'),
  )

async function end(config: Config, roomId: string): Promise<string> {
  const { participants } = await withAdminApi(config, (ask) => ask('POST', `${path}/${encodeURIComponent(roomId)}/end`))
  return `The call is over; cut off: ${Number(participants)}`
}
