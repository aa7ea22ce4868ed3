/** `room state`: where the state of a room has forked, what another server tells of it, and taking its word. */
import { type Answer, type AskServer, roomIdOf, withAdminApi } from './admin-api.ts'
import { type Invocation, UsageError } from './command.ts'

type Config = Parameters<typeof withAdminApi>[0]

/** What is to be told. Throws `CommandError` with what the server refuses. */
export async function roomState(
  config: Config,
  room: string,
  { from, as, yes }: Invocation['values'],
): Promise<string> {
  if (from === undefined && (yes === true || as !== undefined))
    throw new UsageError('From which server? Name it by --from')
  return await withAdminApi(config, async (ask) => {
    const path = `/_domovoi/admin/v1/rooms/${encodeURIComponent(await roomIdOf(ask, room))}`
    if (typeof from !== 'string') return await branches(ask, path)
    return yes === true ? await take(ask, path, from, as) : await compare(ask, path, from)
  })
}

async function branches(ask: AskServer, path: string): Promise<string> {
  const answer = await ask('GET', `${path}/state_branches`)
  const tips = listOf(answer['forward_extremities'])
  const lines = tips.map(
    (tip, index) => `${index + 1}\t${text(tip['event_id'])}\t${text(tip['type'])}\t${text(tip['sender'])}`,
  )
  const conflicts = listOf(answer['conflicts']).flatMap((conflict) => [
    '',
    nameOf(conflict),
    `  now\t${eventText(conflict['current'])}`,
    ...(conflict['branches'] as unknown[]).map((said, index) => `  ${index + 1}\t${eventText(said)}`), // our server's
  ])
  const last =
    conflicts.length === 0 ? 'They do not disagree about the state' : `${Number(answer['total_conflicts'])} in all`
  return [`${tips.length} forward extremities`, ...lines, ...conflicts, '', last].join('\n')
}

async function compare(ask: AskServer, path: string, server: string): Promise<string> {
  const answer = await ask('GET', `${path}/state_of/${encodeURIComponent(server)}`)
  const total = Number(answer['total'])
  if (total === 0) return `${server} has the same state after ${text(answer['at'])}`
  const lines = differences(answer, ['here', 'there'])
  return [`After ${text(answer['at'])}`, ...lines, '', `${total} in all; with --yes what is there is taken`].join('\n')
}

async function take(ask: AskServer, path: string, server: string, user: unknown): Promise<string> {
  const named = typeof user === 'string' ? { user_id: user } : {}
  const answer = await ask('POST', `${path}/take_state`, { server, ...named })
  const done = `${text(answer['user_id'])} joined by way of ${server}; ${Number(answer['total'])} entries of the state are other ones`
  return [...differences(answer, ['before', 'now']), '', done].join('\n').trimStart()
}

function differences(answer: Answer, sides: readonly [string, string]): string[] {
  return listOf(answer['differences']).flatMap((one) => [
    '',
    nameOf(one),
    ...sides.map((side) => `  ${side}\t${eventText(one[side])}`),
  ])
}

/** Our own server's. */
const listOf = (list: unknown): readonly Answer[] => list as Answer[]

const text = (value: unknown): string => String(value)

const nameOf = ({ type, state_key: stateKey }: Answer): string => `${text(type)} ${text(stateKey)}`.trimEnd()

function eventText(event: unknown): string {
  if (event === null) return 'nothing'
  const { event_id: id, sender, content } = event as Answer
  return `${text(id)}\t${text(sender)}\t${JSON.stringify(content)}`
}
