/** Commands of Matrix: what each is given, and what it answers. */
import type { MatrixEvent } from '../../appservice/event.ts'
import type { Permissions } from '../permissions.ts'
import { RuleError } from '../rules.ts'
import type { Portal } from '../store/portals.ts'

/** Gives the answer. Throws `RuleError` for what is not allowed. */
export type Command = (event: MatrixEvent, portal: Portal | undefined) => Promise<string>

export type Commands = Readonly<Record<string, Command>>

/** What stands behind the name of a command, as it was written. */
export const restOf = ({ content }: MatrixEvent): string =>
  String(content['body'])
    .trim()
    .replace(/^!tg\s+/i, '')
    .replace(/^\S+\s*/, '')

/** The same, word by word. */
export const argumentsOf = (event: MatrixEvent): string[] => restOf(event).split(/\s+/).filter(Boolean)

/** A command for a room that is bridged. */
export const bridged =
  (command: (event: MatrixEvent, portal: Portal) => Promise<string>): Command =>
  async (event, portal) => {
    if (!portal) throw new RuleError('not_bridged')
    return await command(event, portal)
  }

/** A command of those who run the bridge. */
export const forAdmins =
  (permissions: Permissions, command: (event: MatrixEvent) => Promise<string>): Command =>
  async (event) =>
    permissions.isAdmin(event.sender) ? await command(event) : 'That is for admins of the bridge.'
