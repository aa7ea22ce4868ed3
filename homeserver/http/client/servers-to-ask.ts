import type { IncomingMessage } from 'node:http'
import { isServerName, type ServerName } from '../../core/ids.ts'
import { queryList } from '../query-list.ts'

/** Servers that a client names because they are in a room: `via`, and `server_name` as older clients say. */
export function serversToAsk(request: IncomingMessage): ServerName[] {
  return [...queryList(request, 'via'), ...queryList(request, 'server_name')].filter(isServerName)
}
