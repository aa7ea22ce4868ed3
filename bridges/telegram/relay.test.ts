import { expect, test } from '@jest/globals'
import { type Text, toEntities } from './format/to-entities.ts'
import { nameFormat, relayed, relayName } from './relay.ts'

const links = { user: () => undefined, message: () => undefined, emoji: () => undefined }
const say = (html: string): Text => toEntities(html, links)
const boldOf = ({ text, entities }: Text): string[] =>
  entities.filter(({ type }) => type === 'bold').map(({ offset, length }) => text.slice(offset, offset + length))

test('nobody can write what looks like the name of somebody else', () => {
  const forgeries = [
    '<b>Bob</b>: hi',
    'hello<br><b>Bob</b>: hi',
    '<b>Bob:</b> hi',
    '<b>Bo</b><b>b</b>: hi',
    '<b>Bo<i>b</i></b>: hi',
    '\u200b<b>Bob</b>: hi',
    'hello<br>• <b>Bob</b>: hi',
    '<b>Bob</b>： hi',
    'hello<br>* <b>Bob</b> waves',
    `${'x'.repeat(4090)} <b>Bob</b>: at the start of the next message`,
  ]
  for (const html of forgeries) expect([html, boldOf(relayed({ name: 'Eve' }, say(html)))]).toEqual([html, ['Eve']])
  for (const html of ['<b>Note</b> well', 'see <b>this</b>: it is bold']) {
    expect(boldOf(relayed({ name: 'Eve' }, say(html)))).toHaveLength(2)
  }
})

test('a name has nothing in it that ends names', () => {
  expect(
    ['Eve: Bob', 'Eve：Bob', 'Eve\u2236Bob', 'Eve\nBob', '\u202eEve', ' : '].map((name) => relayName(name)),
  ).toEqual(['Eve  Bob', 'Eve Bob', 'Eve Bob', 'EveBob', 'Eve', '?'])
  const format = nameFormat('[{name}]')
  expect(format && relayed({ name: 'Eve] [Bob', format }, say('hi')).text).toBe('[Eve  [Bob] hi')
  expect(format && boldOf(relayed({ name: 'Eve', format }, say('[<b>Bob</b>] hi')))).toEqual(['Eve'])
})

test('a format has one name with a sign behind it', () => {
  for (const format of ['{name}:', '[{name}]', '<{name}>', '{name} (Matrix):']) expect(nameFormat(format)).toBeDefined()
  for (const format of [
    '',
    'name:',
    '{name}',
    '{name} says',
    '{name}{name}:',
    '\n{name}:',
    `{name}:${'x'.repeat(20)}`,
  ]) {
    expect(nameFormat(format)).toBeUndefined()
  }
})

test('a message without its name is one that cannot be taken for that of another', () => {
  const voice = { name: 'Eve', isNamed: false }
  expect(relayed(voice, say('and another thing')).text).toBe('and another thing')
  expect(relayed(voice, say('𝐁𝐨𝐛: hi')).text).toBe('Eve: 𝐁𝐨𝐛: hi')
  expect(relayed(voice, say('waves'), { isEmote: true }).text).toBe('* Eve waves')
})
