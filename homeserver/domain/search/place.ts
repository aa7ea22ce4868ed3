/** Where a page of results ended, as the text of `next_batch`. */
import type { DocumentPlace } from '../../storage/search.ts'

/** Keys by which results can be grouped. */
export const groupKeys = ['room_id', 'sender'] as const
export type GroupKey = (typeof groupKeys)[number]

export interface SearchPlace extends DocumentPlace {
  /** Set if the pages are those of one group. */
  readonly group?: { readonly key: GroupKey; readonly value: string } | undefined
}

export function formatSearchPlace({ streamId, rank, group }: SearchPlace): string {
  const parts = [streamId, rank ?? null, ...(group ? [group.key, group.value] : [])]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** Undefined if it is none. */
export function parseSearchPlace(text: string): SearchPlace | undefined {
  const parts = parse(Buffer.from(text, 'base64url').toString())
  if (!Array.isArray(parts)) return undefined
  const [streamId, rank, key, value] = parts as readonly unknown[]
  if (!Number.isSafeInteger(streamId) || (rank !== null && !Number.isFinite(rank))) return undefined
  const place = { streamId: streamId as number, rank: (rank as number | null) ?? undefined } // the line above looked
  if (parts.length === 2) return place
  const groupKey = groupKeys.find((known) => known === key)
  return groupKey && typeof value === 'string' ? { ...place, group: { key: groupKey, value } } : undefined
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
