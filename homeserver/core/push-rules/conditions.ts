/** https://spec.matrix.org/v1.19/client-server-api/#conditions-1 */
import type { Json } from '../event.ts'
import { compileGlob, compileWordGlob, containsWords } from '../glob.ts'
import { localpartOf } from '../ids.ts'
import type { UserId } from '../ids.ts'
import { parsePropertyPath } from '../property-path.ts'
import type { Property, PushEvent, PushUser } from './event.ts'
import type { PushCondition } from './ruleset.ts'

/** Stands for the id of whichever user the rules are for. It has a NUL, so no real pattern or id is like it. */
export const anyUser: UserId = '@\0:\0'
const anyLocalpart = localpartOf(anyUser)

export interface Condition {
  /** Whether the answer depends on the user. */
  readonly personal: boolean
  /** Whether the event lets it hold for anybody. */
  possible(event: PushEvent): boolean
  holds(event: PushEvent, user: PushUser): boolean
}

const impersonal = (possible: (event: PushEvent) => boolean): Condition => ({
  personal: false,
  possible,
  holds: possible,
})

const personal = (
  possible: (event: PushEvent) => boolean,
  holds: (event: PushEvent, user: PushUser) => boolean,
): Condition => ({ personal: true, possible, holds })

const bodyKey = 'content.body'
const body: Property = { key: bodyKey, path: parsePropertyPath(bodyKey) }

/** Undefined for a condition that never holds, as those of unknown kinds and forms. */
export function compileCondition(condition: PushCondition): Condition | undefined {
  const { kind, key, pattern, value, is } = condition
  switch (kind) {
    case 'event_match':
      return typeof key === 'string' && typeof pattern === 'string' ? eventMatch(key, pattern) : undefined
    case 'event_property_is':
      return typeof key === 'string' && isSimple(value) ? propertyIs(key, value) : undefined
    case 'event_property_contains':
      return typeof key === 'string' && isSimple(value) ? propertyContains(key, value) : undefined
    case 'contains_display_name':
      return containsDisplayName
    case 'room_member_count':
      return typeof is === 'string' ? roomMemberCount(is) : undefined
    case 'sender_notification_permission':
      return typeof key === 'string' ? senderMayNotify(key) : undefined
    case 'thread_subscription':
    case 'io.element.msc4306.thread_subscription':
      return typeof condition['subscribed'] === 'boolean' ? threadSubscription(condition['subscribed']) : undefined
    default:
      return undefined
  }
}

/** Case does not count. The pattern must fit the whole text, except for the body, where it must fit words of it. */
export function eventMatch(key: string, pattern: string): Condition {
  const property = { key, path: parsePropertyPath(key) }
  if (pattern === anyUser) return matchUser(property, ({ userId }) => userId.toLowerCase())
  if (pattern === anyLocalpart) return matchUser(property, ({ userId }) => localpartOf(userId).toLowerCase())
  const match = key === bodyKey ? compileWordGlob(pattern.toLowerCase()) : compileGlob(pattern.toLowerCase())
  return impersonal((event) => {
    const text = event.text(property)
    return text !== undefined && match(text)
  })
}

function matchUser(property: Property, wanted: (user: PushUser) => string): Condition {
  return personal(
    (event) => event.text(property) !== undefined,
    (event, user) => {
      const text = event.text(property)
      if (text === undefined || property.key !== bodyKey) return text === wanted(user)
      return containsWords(text, wanted(user))
    },
  )
}

const containsDisplayName = personal(
  (event) => event.text(body) !== undefined,
  (event, { displayName }) => {
    const text = event.text(body)
    return text !== undefined && !!displayName && containsWords(text, displayName.toLowerCase())
  },
)

type Simple = string | number | boolean | null

function isSimple(value: Json | undefined): value is Simple {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

function propertyIs(key: string, wanted: Simple): Condition {
  const property = { key, path: parsePropertyPath(key) }
  if (wanted !== anyUser) return impersonal((event) => event.value(property) === wanted)
  return personal(
    (event) => typeof event.value(property) === 'string',
    (event, { userId }) => event.value(property) === userId,
  )
}

function propertyContains(key: string, wanted: Simple): Condition {
  const property = { key, path: parsePropertyPath(key) }
  const includes = (event: PushEvent, item: Simple): boolean => {
    const list = event.value(property)
    return Array.isArray(list) && list.includes(item)
  }
  if (wanted !== anyUser) return impersonal((event) => includes(event, wanted))
  return personal(
    (event) => Array.isArray(event.value(property)),
    (event, { userId }) => includes(event, userId),
  )
}

function roomMemberCount(is: string): Condition | undefined {
  const [, comparison = '==', digits] = /^(==|<=|>=|<|>)?(\d{1,15})$/.exec(is) ?? []
  if (digits === undefined) return undefined
  const limit = Number(digits)
  return impersonal(({ room: { memberCount } }) => {
    switch (comparison) {
      case '<':
        return memberCount < limit
      case '<=':
        return memberCount <= limit
      case '>':
        return memberCount > limit
      case '>=':
        return memberCount >= limit
      default:
        return memberCount === limit
    }
  })
}

/** What a kind of notification takes if the power levels do not say. */
const defaultLevel = 50

function senderMayNotify(key: string): Condition {
  return impersonal(({ room: { senderPowerLevel, notificationLevels } }) => {
    const level = Object.hasOwn(notificationLevels, key) ? notificationLevels[key] : undefined
    return senderPowerLevel >= (typeof level === 'number' ? level : defaultLevel)
  })
}

const relTypeKey = 'content.m\\.relates_to.rel_type'
const relType: Property = { key: relTypeKey, path: parsePropertyPath(relTypeKey) }

/** https://github.com/matrix-org/matrix-spec-proposals/pull/4306 */
function threadSubscription(wanted: boolean): Condition {
  return personal(
    (event) => event.value(relType) === 'm.thread',
    (_, { followsThread }) => followsThread === wanted,
  )
}

/** For the rules that search the body, which are passed over when the event names whom it mentions. */
export const withoutMentions = impersonal((event) => !event.hasMentions)
