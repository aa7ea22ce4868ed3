import { describe, expect, test } from '@jest/globals'
import {
  encodeCanonical,
  maxJsonDepth,
  NumberLiteral,
  parseJson,
  topLevelSpan,
  topLevelText,
} from './canonical-json.ts'
import { roomVersions } from './room-version.ts'

const badJson = expect.objectContaining({ errcode: 'M_BAD_JSON', status: 400 })
const notJson = expect.objectContaining({ errcode: 'M_NOT_JSON', status: 400 })

describe('parseJson', () => {
  test('keeps integers a double cannot hold', () => {
    expect(parseJson('[9007199254740991, 9007199254740993, -9223372036854775808]')).toEqual([
      Number.MAX_SAFE_INTEGER,
      9007199254740993n,
      -9223372036854775808n,
    ])
    expect(parseJson('9007199254740992')).toBe(9007199254740992n)
  })

  test('keeps what would change its text', () => {
    for (const source of ['1.0', '-0.0', '1e3', '1E3', '0.10', '12e-1', '100000000000000000000.5']) {
      expect(parseJson(`{"a":${source}}`)).toEqual({ a: new NumberLiteral(source) })
    }
    expect(Number(new NumberLiteral('50.0'))).toBe(50)
  })

  test.each(['', ' ', '\n'])('sees a number with %j around it', (space) => {
    const text = `[{"a"${space}:${space}1.0${space}}${space},${space}1.0${space},-1.0]`
    const [one, minusOne] = [new NumberLiteral('1.0'), new NumberLiteral('-1.0')]
    expect(parseJson(text)).toEqual([{ a: one }, one, minusOne])
  })

  test('leaves ordinary fractions as they are', () => {
    expect(parseJson('{"order":0.25, "b":5e-324}')).toEqual({ order: 0.25, b: 5e-324 })
  })

  test('gives plain numbers on demand', () => {
    expect(parseJson('{"order":1.0,"big":9007199254740993}', { numbers: 'plain' })).toEqual({
      order: 1,
      big: 9007199254740992,
    })
    expect(encodeCanonical(parseJson('{"a": -0, "b": 1e10}', { numbers: 'plain' }))).toBe('{"a":0,"b":10000000000}')
  })

  test.each(['1e999', '-1e400', '[' + '9'.repeat(400) + ']'])('refuses a number beyond a double: %.20s', (text) => {
    expect(() => parseJson(text)).toThrow(badJson)
    expect(() => parseJson(text, { numbers: 'plain' })).toThrow(badJson)
  })

  test.each(['"\\ud800"', '"\\udc00\\ud800"', '{"\\uDFFF":1}', '"\ud800"', '["a","\\ud83d\\ude00","\\uD83D"]'])(
    'refuses half a surrogate pair: %j',
    (text) => expect(() => parseJson(text)).toThrow(badJson),
  )

  test('takes whole surrogate pairs and escaped backslashes before ud800', () => {
    expect(parseJson('["\\ud83d\\ude00","\\\\ud800"]')).toEqual(['😀', '\\ud800'])
  })

  test('the last of repeated keys wins', () => {
    expect(parseJson('{"a":1.0,"b":3,"a":2}')).toEqual({ a: 2, b: 3 })
    expect(parseJson('{"a":2,"a":1.0}')).toEqual({ a: new NumberLiteral('1.0') })
  })

  test.each(['{"__proto__":{"admin":true},"x":1}', '{"__proto__":{"admin":1.0},"x":1}'])(
    'a key named __proto__ is an ordinary key: %s',
    (text) => {
      const value = parseJson(text)
      expect(Object.hasOwn(value as object, '__proto__')).toBe(true)
      expect((value as { admin?: unknown }).admin).toBeUndefined()
      expect(encodeCanonical(value)).toBe(text)
    },
  )

  test('refuses deep nesting, however deep, and not brackets in strings', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(encodeCanonical(parseJson(nested(maxJsonDepth)))).toBe(nested(maxJsonDepth))
    for (const depth of [maxJsonDepth + 1, 30_000, 1_000_000]) expect(() => parseJson(nested(depth))).toThrow(badJson)
    expect(() => parseJson('{"a":'.repeat(200) + '1' + '}'.repeat(200))).toThrow(badJson)
    expect(parseJson(`["${'['.repeat(500)}\\"${'{'.repeat(500)}"]`)).toHaveLength(1)
    expect(parseJson(`[${Array(500).fill('{}').join()}]`)).toHaveLength(500)
    expect(parseJson(nested(4), { maxDepth: 4 })).toEqual([[[[]]]])
    expect(() => parseJson(nested(5), { maxDepth: 4 })).toThrow(badJson)
  })

  test.each(['', '{', '{"a":1,}', '01', 'NaN', "{'a':1}", '"\t"', '\ufeff{}', '{} {}'])('refuses %j', (text) => {
    expect(() => parseJson(text)).toThrow(notJson)
  })
})

describe('encodeCanonical', () => {
  test('sorts keys by code point, not by UTF-16 unit, and numbers as texts', () => {
    expect(encodeCanonical({ '\u{10000}': 1, '\ufffd': 2, é: 3, z: 4 })).toBe('{"z":4,"é":3,"\ufffd":2,"\u{10000}":1}')
    expect(encodeCanonical({ 9: 1, 10: 2, a: 3, '': 4 })).toBe('{"":4,"10":2,"9":1,"a":3}')
    expect(encodeCanonical({ ab: 1, a: 2, 'a\0': 3 })).toBe('{"a":2,"a\\u0000":3,"ab":1}')
  })

  test('writes strings in their shortest form', () => {
    expect(encodeCanonical(['日', '\u2028', '/', '\u007f', '\b\t\n\f\r"\\', '\u001f', 'C:\\udata'])).toBe(
      '["日","\u2028","/","\u007f","\\b\\t\\n\\f\\r\\"\\\\","\\u001f","C:\\\\udata"]',
    )
  })

  test('refuses what JSON cannot hold', () => {
    expect(() => encodeCanonical({ a: undefined })).toThrow(TypeError)
    expect(() => encodeCanonical({ b: 1, a: [{ a: undefined }] })).toThrow(TypeError)
    expect(() => encodeCanonical(NaN)).toThrow(badJson)
    expect(() => encodeCanonical(['\ud800'])).toThrow(badJson)
    expect(() => encodeCanonical({ '\udc00': 1 })).toThrow(badJson)
  })

  test('does not ask values how they want to be written', () => {
    expect(encodeCanonical({ a: 1, toJSON: 'x' })).toBe('{"a":1,"toJSON":"x"}')
  })

  test('refuses deep and endless nesting', () => {
    const endless: { self?: object } = {}
    endless.self = endless
    expect(() => encodeCanonical(endless as never)).toThrow(badJson)
  })

  const literals = [
    '0',
    '-1',
    '9007199254740991',
    '-0',
    '9007199254740992',
    '-9007199254740993',
    '0.0',
    '1.0',
    '1.5',
    '1e3',
    '2e-3',
  ]
  test.each(literals.map((text, index) => ({ text, strict: index < 3 })))(
    'takes $text in room versions before 6, and later: $strict',
    ({ text, strict }) => {
      for (const version of Object.values(roomVersions)) {
        const encode = (): string => encodeCanonical(parseJson(`[${text}]`), version)
        if (version.strictCanonicalJson && !strict) expect(encode).toThrow(badJson)
        else expect(encode()).toBe(text === '-0' ? '[0]' : `[${text}]`)
      }
    },
  )
})

describe('topLevelSpan', () => {
  const text = encodeCanonical({
    a: '}\\"',
    b: { content: 1, x: ['"', {}] },
    'con"tent': -1,
    content: { a: [] },
    e: {},
  })

  test('finds values at the top only', () => {
    expect(topLevelText(text, 'a')).toBe('"}\\\\\\""')
    expect(topLevelText(text, 'b')).toBe('{"content":1,"x":["\\"",{}]}')
    expect(topLevelText(text, 'con"tent')).toBe('-1')
    expect(topLevelText(text, 'content')).toBe('{"a":[]}')
    expect(topLevelText(text, 'e')).toBe('{}')
    const span = topLevelSpan(text, 'e')
    expect(text.slice(span?.start, span?.end)).toBe('{}')
  })

  test('finds nothing where nothing is', () => {
    for (const key of ['x', 'con', '']) expect(topLevelText(text, key)).toBeUndefined()
    expect(topLevelText('{}', 'a')).toBeUndefined()
  })
})
