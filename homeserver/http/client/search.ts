import { z } from 'zod'
import { compileEventFilter, parseRoomEventFilter } from '../../core/filter.ts'
import { formatSearchPlace, groupKeys, parseSearchPlace, type SearchPlace } from '../../domain/search/place.ts'
import type { SearchResult, SearchResults } from '../../domain/search/search.ts'
import type { SearchContext } from '../../domain/search/context.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { listText, tokenMember } from './paging.ts'

/** Results in one answer, and events before and after each. */
const limits = { defaultLimit: 10, maxLimit: 50 }
const maxContext = 20

const contextLimit = z
  .int()
  .min(0)
  .default(5)
  .transform((events) => Math.min(events, maxContext))

const roomEvents = z.object({
  search_term: z.string(),
  keys: z.array(z.enum(['content.body', 'content.name', 'content.topic'])).optional(),
  filter: z
    .unknown()
    .optional()
    .transform((filter) => compileEventFilter(parseRoomEventFilter(filter ?? {}), limits)),
  order_by: z.enum(['rank', 'recent']).default('rank'),
  event_context: z
    .object({ before_limit: contextLimit, after_limit: contextLimit, include_profile: z.boolean().default(false) })
    .optional(),
  include_state: z.boolean().default(false),
  groupings: z.object({ group_by: z.array(z.object({ key: z.enum(groupKeys) })).default([]) }).optional(),
})

const place = z.string().transform((text, context): SearchPlace | undefined => {
  if (text === '') return undefined
  const parsed = parseSearchPlace(text)
  if (!parsed) context.addIssue('is no token of this server')
  return parsed
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3search */
const search = endpoint({
  method: 'POST',
  path: '/search',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'search',
  whileSuspended: true,
  query: z.object({ next_batch: place.optional() }),
  body: z.object({ search_categories: z.object({ room_events: roomEvents.optional() }) }),
  handle: async ({ who, query, body }, services) => {
    const wanted = body.search_categories.room_events
    if (!wanted) return { search_categories: {} }
    const { keys = ['content.body', 'content.name', 'content.topic'], event_context: context, groupings } = wanted
    const results = await services.search.roomEvents(who, {
      term: wanted.search_term,
      keys,
      filter: wanted.filter,
      order: wanted.order_by,
      after: query.next_batch,
      context: context && {
        before: context.before_limit,
        after: context.after_limit,
        profiles: context.include_profile,
      },
      withState: wanted.include_state,
      groupBy: groupings?.group_by.map(({ key }) => key) ?? [],
    })
    return new JsonText(`{"search_categories":{"room_events":${resultsText(results)}}}`)
  },
})

function resultsText({ count, highlights, results, next, groups, state }: SearchResults): string {
  const states = [...(state ?? [])].map(([roomId, events]) => `${JSON.stringify(roomId)}:${listText(events)}`)
  return (
    `{"count":${count},"highlights":${JSON.stringify(highlights)},"results":${listText(results.map(resultText))}` +
    `${nextMember(next)}${groups.size > 0 ? `,"groups":${groupsText(groups)}` : ''}` +
    `${state ? `,"state":{${states.join(',')}}` : ''}}`
  )
}

function resultText({ rank, event, context }: SearchResult): string {
  return `{"rank":${rank},"result":${event}${context ? `,"context":${contextText(context)}` : ''}}`
}

function contextText({ start, end, before, after, profiles }: SearchContext): string {
  const info = [...(profiles ?? [])].map(
    ([userId, { displayname, avatarUrl }]) =>
      `${JSON.stringify(userId)}:${JSON.stringify({ displayname, avatar_url: avatarUrl })}`,
  )
  return (
    `{"events_before":${listText(before)},"events_after":${listText(after)}` +
    `${tokenMember('start', start)}${tokenMember('end', end)}${profiles ? `,"profile_info":{${info.join(',')}}` : ''}}`
  )
}

function groupsText(groups: SearchResults['groups']): string {
  const byKey = [...groups].map(([key, ofKey]) => {
    const members = ofKey.map(
      ({ value, results, next }, order) =>
        `${JSON.stringify(value)}:{"order":${order},"results":${JSON.stringify(results)}${nextMember(next)}}`,
    )
    return `"${key}":{${members.join(',')}}`
  })
  return `{${byKey.join(',')}}`
}

function nextMember(next: SearchPlace | undefined): string {
  return next ? `,"next_batch":${JSON.stringify(formatSearchPlace(next))}` : ''
}

export const searchEndpoints = [search]
