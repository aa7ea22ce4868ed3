/** The rules everybody starts with. https://spec.matrix.org/v1.19/client-server-api/#predefined-rules */
import { localpartOf } from '../ids.ts'
import type { UserId } from '../ids.ts'
import type { Action, PushCondition, PushRule, Ruleset } from './ruleset.ts'

const highlight: Action = { set_tweak: 'highlight' }
const defaultSound: Action = { set_tweak: 'sound', value: 'default' }
const ring: Action = { set_tweak: 'sound', value: 'ring' }

const match = (key: string, pattern: string): PushCondition => ({ kind: 'event_match', key, pattern })
const is = (key: string, value: string | boolean): PushCondition => ({ kind: 'event_property_is', key, value })
const contains = (key: string, value: string): PushCondition => ({ kind: 'event_property_contains', key, value })
/** https://github.com/matrix-org/matrix-spec-proposals/pull/4306 */
const followsThread = (subscribed: boolean): PushCondition => ({
  kind: 'io.element.msc4306.thread_subscription',
  subscribed,
})
const twoMembers: PushCondition = { kind: 'room_member_count', is: '2' }
const mayNotifyRoom: PushCondition = { kind: 'sender_notification_permission', key: 'room' }

function rule(name: string, conditions: readonly PushCondition[], actions: readonly Action[]): PushRule {
  return { rule_id: name, default: true, enabled: true, conditions, actions }
}

/**
 * Rules that search the body for a mention. The specification dropped them in version 1.17; they stay for clients and
 * bridges that do not send `m.mentions`, and are passed over where it is there.
 * https://spec.matrix.org/v1.16/client-server-api/#predefined-rules
 */
export const bodySearchingRules: ReadonlySet<string> = new Set([
  '.m.rule.contains_display_name',
  '.m.rule.roomnotif',
  '.m.rule.contains_user_name',
])

/**
 * What it says the server cannot read, so devices look whether it mentions anybody, even in rooms that are otherwise quiet.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4028
 */
const encryptedEvent = rule('.org.matrix.msc4028.encrypted_event', [match('type', 'm.room.encrypted')], ['notify'])

/** Calls ring for those they invite. https://github.com/matrix-org/matrix-spec-proposals/pull/4075 */
const inviteForMe = (prefix: string, type: string, userId: UserId): PushRule =>
  rule(
    `${prefix}.rule.rtc.invite_for_me`,
    [match('type', type), contains('content.m\\.mentions.user_ids', userId)],
    ['notify', ring],
  )

const inviteForRoom = (prefix: string, type: string): PushRule =>
  rule(
    `${prefix}.rule.rtc.invite_for_room`,
    [match('type', type), is('content.m\\.mentions.room', true), mayNotifyRoom],
    ['notify', ring],
  )

/** Beginnings and ends of polls notify as messages do, answers never. https://github.com/matrix-org/matrix-spec-proposals/pull/3930 */
const pollRules = (what: 'start' | 'end'): PushRule[] => {
  const [name, isPoll] = [`.org.matrix.msc3930.rule.poll_${what}`, match('type', `org.matrix.msc3381.poll.${what}`)]
  return [rule(`${name}_one_to_one`, [twoMembers, isPoll], ['notify', defaultSound]), rule(name, [isPoll], ['notify'])]
}

function overrideRules(userId: UserId): PushRule[] {
  return [
    { ...rule('.m.rule.master', [], []), enabled: false },
    encryptedEvent,
    rule('.m.rule.suppress_notices', [match('content.msgtype', 'm.notice')], []),
    rule(
      '.m.rule.invite_for_me',
      [match('type', 'm.room.member'), match('content.membership', 'invite'), match('state_key', userId)],
      ['notify', defaultSound],
    ),
    rule('.m.rule.member_event', [match('type', 'm.room.member')], []),
    inviteForMe('.m', 'm.rtc.invite', userId),
    inviteForMe('.org.matrix.msc4075', 'org.matrix.msc4075.rtc.invite', userId),
    rule(
      '.m.rule.is_user_mention',
      [contains('content.m\\.mentions.user_ids', userId)],
      ['notify', defaultSound, highlight],
    ),
    rule('.m.rule.contains_display_name', [{ kind: 'contains_display_name' }], ['notify', defaultSound, highlight]),
    inviteForRoom('.m', 'm.rtc.invite'),
    inviteForRoom('.org.matrix.msc4075', 'org.matrix.msc4075.rtc.invite'),
    rule('.m.rule.is_room_mention', [is('content.m\\.mentions.room', true), mayNotifyRoom], ['notify', highlight]),
    rule('.m.rule.roomnotif', [match('content.body', '@room'), mayNotifyRoom], ['notify', highlight]),
    rule('.m.rule.tombstone', [match('type', 'm.room.tombstone'), match('state_key', '')], ['notify', highlight]),
    rule('.m.rule.reaction', [match('type', 'm.reaction')], []),
    rule('.m.rule.room.server_acl', [match('type', 'm.room.server_acl'), match('state_key', '')], []),
    rule('.m.rule.suppress_edits', [is('content.m\\.relates_to.rel_type', 'm.replace')], []),
    rule('.org.matrix.msc3930.rule.poll_response', [match('type', 'org.matrix.msc3381.poll.response')], []),
  ]
}

/** Threads the user follows are heard whatever the settings of their room, others only where they mention him. */
const postcontentRules: readonly PushRule[] = [
  rule('.io.element.msc4306.rule.unsubscribed_thread', [followsThread(false)], []),
  rule('.io.element.msc4306.rule.subscribed_thread', [followsThread(true)], ['notify', defaultSound]),
]

const underrideRules: readonly PushRule[] = [
  rule('.m.rule.call', [match('type', 'm.call.invite')], ['notify', ring]),
  // Calls of today announce themselves by this; in a room of two without encryption it meets no other rule.
  rule(
    '.org.matrix.msc4075.rule.rtc.notification',
    [match('type', 'org.matrix.msc4075.rtc.notification')],
    ['notify', ring],
  ),
  rule('.m.rule.encrypted_room_one_to_one', [twoMembers, match('type', 'm.room.encrypted')], ['notify', defaultSound]),
  rule('.m.rule.room_one_to_one', [twoMembers, match('type', 'm.room.message')], ['notify', defaultSound]),
  rule('.m.rule.message', [match('type', 'm.room.message')], ['notify']),
  rule('.m.rule.encrypted', [match('type', 'm.room.encrypted')], ['notify']),
  ...pollRules('start'),
  ...pollRules('end'),
]

/** The default rules as they stand for one user. */
export function defaultRuleset(userId: UserId): Ruleset {
  const userName: PushRule = {
    rule_id: '.m.rule.contains_user_name',
    default: true,
    enabled: true,
    pattern: localpartOf(userId),
    actions: ['notify', defaultSound, highlight],
  }
  return {
    override: overrideRules(userId),
    content: [userName],
    postcontent: postcontentRules,
    room: [],
    sender: [],
    underride: underrideRules,
  }
}
