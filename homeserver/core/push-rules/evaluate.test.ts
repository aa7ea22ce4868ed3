import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { JsonObject } from '../event.ts'
import { defaultRuleset } from './defaults.ts'
import { compileDefaults, compileOwn, defaultRules, evaluate, narrowRules } from './evaluate.ts'
import { PushEvent, type PushUser, type RoomFacts } from './event.ts'
import { mergeRules, type OwnRules } from './ruleset.ts'

const ann: PushUser = { userId: '@ann:a.example', displayName: 'Ann' }
const group: RoomFacts = { memberCount: 5, senderPowerLevel: 0, notificationLevels: {} }

const message = (content: JsonObject, more: JsonObject = {}): JsonObject => ({
  type: 'm.room.message',
  sender: '@bob:b.example',
  room_id: '!r:a.example',
  content: { msgtype: 'm.text', body: 'hi', ...content },
  ...more,
})

const ruleFor = (event: JsonObject, room = group, user = ann): string | undefined =>
  evaluate(defaultRules, new PushEvent(event, room), user)?.ruleId

describe('the default rules', () => {
  test.each([
    ['.m.rule.message', message({}), group],
    ['.m.rule.room_one_to_one', message({}), { ...group, memberCount: 2 }],
    ['.m.rule.suppress_notices', message({ msgtype: 'm.notice', body: 'Ann' }), group],
    ['.m.rule.is_user_mention', message({ 'm.mentions': { user_ids: ['@x:y', '@ann:a.example'] } }), group],
    ['.m.rule.message', message({ body: 'Ann', 'm.mentions': {} }), group],
    ['.m.rule.contains_display_name', message({ body: 'hello ann!' }), group],
    ['.m.rule.message', message({ body: 'hello anna' }), group],
    ['.m.rule.is_room_mention', message({ 'm.mentions': { room: true } }), { ...group, senderPowerLevel: 50 }],
    ['.m.rule.message', message({ 'm.mentions': { room: true } }), group],
    [
      '.m.rule.is_room_mention',
      message({ 'm.mentions': { room: true } }),
      { ...group, notificationLevels: { room: 0 } },
    ],
    ['.m.rule.roomnotif', message({ body: '@room lunch' }), { ...group, senderPowerLevel: Infinity }],
    ['.m.rule.suppress_edits', message({ 'm.relates_to': { rel_type: 'm.replace' } }), group],
    [
      '.m.rule.invite_for_me',
      message({ membership: 'invite' }, { type: 'm.room.member', state_key: ann.userId }),
      group,
    ],
    ['.m.rule.member_event', message({ membership: 'invite' }, { type: 'm.room.member', state_key: '@c:d' }), group],
    ['.m.rule.tombstone', message({}, { type: 'm.room.tombstone', state_key: '' }), group],
    [undefined, message({}, { type: 'm.room.tombstone' }), group],
    ['.org.matrix.msc4028.encrypted_event', message({}, { type: 'm.room.encrypted' }), group],
    [
      '.m.rule.rtc.invite_for_me',
      message({ 'm.mentions': { user_ids: [ann.userId] } }, { type: 'm.rtc.invite' }),
      group,
    ],
    [
      '.org.matrix.msc4075.rule.rtc.invite_for_room',
      message({ 'm.mentions': { room: true } }, { type: 'org.matrix.msc4075.rtc.invite' }),
      { ...group, senderPowerLevel: 50 },
    ],
    ['.org.matrix.msc3930.rule.poll_start', message({}, { type: 'org.matrix.msc3381.poll.start' }), group],
    [
      '.org.matrix.msc3930.rule.poll_end_one_to_one',
      message({}, { type: 'org.matrix.msc3381.poll.end' }),
      { ...group, memberCount: 2 },
    ],
    ['.org.matrix.msc3930.rule.poll_response', message({}, { type: 'org.matrix.msc3381.poll.response' }), group],
    ['.org.matrix.msc4075.rule.rtc.notification', message({}, { type: 'org.matrix.msc4075.rtc.notification' }), group],
  ])('%s', (ruleId, event, room) => {
    expect(ruleFor(event, room)).toBe(ruleId)
  })

  test('look for the name of whoever they are asked for', () => {
    const event = new PushEvent(message({ body: 'Where is BOB?' }), group)
    const outcomes = (['@bob:x', '@Bob:x', '@bo:x', '@ann:x'] as const).map((userId) =>
      evaluate(defaultRules, event, { userId, displayName: undefined }),
    )
    expect(outcomes.map((outcome) => outcome?.ruleId)).toEqual([
      '.m.rule.contains_user_name',
      '.m.rule.contains_user_name',
      '.m.rule.message',
      '.m.rule.message',
    ])
    expect(outcomes[0]).toMatchObject({ notify: true, highlight: true, tweaks: { sound: 'default', highlight: true } })
  })

  test('are the same compiled for one user as for all', () => {
    const own = compileDefaults(defaultRuleset(ann.userId))
    const body = fc.constantFrom('ann', 'Ann', 'x', '@room')
    const mentions = fc.constantFrom<JsonObject>(
      {},
      { 'm.mentions': { user_ids: [ann.userId] } },
      { 'm.mentions': { room: true } },
    )
    const type = fc.constantFrom('m.room.message', 'm.room.member', 'm.room.encrypted', 'm.reaction', 'm.rtc.invite')
    const level = fc.constantFrom(0, 50)
    fc.assert(
      fc.property(body, mentions, type, level, fc.boolean(), (text, extra, eventType, senderPowerLevel, mine) => {
        const state = mine ? { state_key: ann.userId, membership: 'invite' } : {}
        const json = message({ body: text, ...extra, membership: 'invite' }, { type: eventType, ...state })
        const event = new PushEvent(json, { ...group, senderPowerLevel })
        const expected = evaluate(own, event, ann)
        expect(evaluate(defaultRules, event, ann)).toEqual(expected)
        expect(evaluate(narrowRules(defaultRules, event), event, ann)).toEqual(expected)
      }),
    )
  })

  test('narrowed to a plain message leave one rule that asks for nothing', () => {
    const narrowed = narrowRules(defaultRules, new PushEvent(message({ 'm.mentions': {} }), group))
    const left = [...narrowed.override, ...narrowed.content, ...narrowed.underride]
    expect(left.map(({ outcome, conditions }) => [outcome.ruleId, conditions.length])).toEqual([['.m.rule.message', 0]])
  })
})

describe("a user's own rules", () => {
  test('keep encrypted events from nobody where only mentions count, but where the room is muted (MSC4028)', () => {
    const encrypted = new PushEvent(message({}, { type: 'm.room.encrypted' }), group)
    const rule = { rule_id: '!r:a.example', default: false, enabled: true, actions: [] }
    const quiet = compileOwn({ rules: { room: [rule] } })
    expect(evaluate(defaultRules, encrypted, ann, quiet)?.notify).toBe(true)
    const conditions = [{ kind: 'event_match', key: 'room_id', pattern: rule.rule_id }]
    const muted = compileOwn({ rules: { override: [{ ...rule, conditions }] } })
    expect(evaluate(defaultRules, encrypted, ann, muted)?.notify).toBe(false)
  })

  const own: OwnRules = {
    rules: {
      room: [{ rule_id: '!r:a.example', default: false, enabled: true, actions: ['dont_notify'] }],
      override: [
        {
          rule_id: 'odd',
          default: false,
          enabled: true,
          actions: ['notify'],
          conditions: [{ kind: 'org.example.unknown' }],
        },
        {
          rule_id: 'bad',
          default: false,
          enabled: true,
          actions: ['notify'],
          conditions: [{ kind: 'room_member_count', is: '2x' }],
        },
      ],
    },
    enabled: { 'override/.m.rule.suppress_notices': false },
    actions: { 'override/.m.rule.is_user_mention': [] },
  }

  test('come before the default ones of their kind, and change those', () => {
    const ids = mergeRules(defaultRuleset(ann.userId), own).override.map(({ rule_id: ruleId }) => ruleId)
    expect(ids.slice(0, 4)).toEqual(['.m.rule.master', 'odd', 'bad', '.org.matrix.msc4028.encrypted_event'])
    const rules = compileOwn(own)
    const outcome = (event: JsonObject) => evaluate(defaultRules, new PushEvent(event, group), ann, rules)
    expect(outcome(message({ msgtype: 'm.notice' }))).toMatchObject({
      ruleId: '!r:a.example',
      actions: [],
      notify: false,
    })
    expect(outcome(message({ 'm.mentions': { user_ids: [ann.userId] } }))).toMatchObject({
      ruleId: '.m.rule.is_user_mention',
      notify: false,
      highlight: false,
    })
  })

  test('with everything switched off nothing notifies', () => {
    const rules = compileOwn({ ...own, enabled: { 'override/.m.rule.master': true } })
    expect(evaluate(defaultRules, new PushEvent(message({}), group), ann, rules)).toMatchObject({
      ruleId: '.m.rule.master',
      notify: false,
    })
  })

  test('by sender and by word', () => {
    const rules = compileOwn({
      rules: {
        sender: [
          {
            rule_id: '@bob:b.example',
            default: false,
            enabled: true,
            actions: ['notify', { set_tweak: 'sound', value: 'bob' }],
          },
        ],
        content: [{ rule_id: 'cake', default: false, enabled: true, actions: [], pattern: 'C?ke*' }],
      },
    })
    const outcome = (body: string) => evaluate(defaultRules, new PushEvent(message({ body }), group), ann, rules)
    expect(outcome('x')).toMatchObject({ kind: 'sender', tweaks: { sound: 'bob' } })
    expect(outcome('I like cakes')).toMatchObject({ kind: 'content', ruleId: 'cake' })
  })
})
