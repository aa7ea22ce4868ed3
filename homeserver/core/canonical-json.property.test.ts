import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeCanonical, parseJson, topLevelText } from './canonical-json.ts'
import { MatrixError } from './errors.ts'
import type { Json } from './event.ts'
import { roomVersions } from './room-version.ts'

const strict = roomVersions[12]
const lenient = roomVersions[5]

const text = fc.string({ unit: 'binary', maxLength: 6 })
const key = fc.oneof(
  text,
  fc.constantFrom('', '10', '9', '01', '-1', '__proto__', 'toString', '\u{10000}', '\uffff', '\0'),
)
const integer = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(0, 2 ** 53 - 1, 1 - 2 ** 53))

/** JSON values as events of room version 6 and later may hold them, with keys that tempt an encoder. */
const { value } = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(text, integer, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 5 }),
    // Entries may repeat a key: the last one wins in Object.fromEntries too, and __proto__ becomes an ordinary key.
    fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
  ),
}))

/** Plain and slow: keys are sorted as the bytes they become. */
function reference(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(reference).join(',')}]`
  if (typeof json !== 'object' || json === null) return JSON.stringify(json)
  const entries = Object.entries(json).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  return `{${entries.map(([name, member]) => `${JSON.stringify(name)}:${reference(member)}`).join(',')}}`
}

function shuffled(json: Json, random: (below: number) => number): Json {
  if (Array.isArray(json)) return json.map((item: Json) => shuffled(item, random))
  if (typeof json !== 'object' || json === null) return json
  const entries = Object.entries(json).map(
    ([name, member]) => [random(1000), name, shuffled(member ?? null, random)] as const,
  )
  return Object.fromEntries(entries.sort(([a], [b]) => a - b).map(([, name, member]) => [name, member]))
}

test('P1: the encoding is that of the specification, and is its own encoding', () => {
  fc.assert(
    fc.property(value, (json) => {
      const encoded = encodeCanonical(json, strict)
      expect(encoded).toBe(reference(json))
      expect(encodeCanonical(parseJson(encoded), strict)).toBe(encoded)
      expect(parseJson(encoded)).toEqual(json)
    }),
  )
})

test('P1: neither the order of keys nor the writing of the source matters', () => {
  fc.assert(
    fc.property(value, fc.infiniteStream(fc.nat()), (json, numbers) => {
      const permuted = shuffled(json, (below) => Number(numbers.next().value) % below)
      expect(encodeCanonical(permuted, strict)).toBe(encodeCanonical(json, strict))
      const escaped = JSON.stringify(json, null, 2).replace(/[\u0080-\uffff]/g, (unit) => {
        return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
      })
      expect(encodeCanonical(parseJson(escaped), strict)).toBe(encodeCanonical(json, strict))
    }),
  )
})

test('P1: every member of an object can be cut out of its text', () => {
  fc.assert(
    fc.property(fc.dictionary(key, value), key, (members, other) => {
      const encoded = encodeCanonical(members, strict)
      for (const [name, member] of Object.entries(members)) {
        expect(topLevelText(encoded, name)).toBe(encodeCanonical(member, strict))
      }
      if (!Object.hasOwn(members, other)) expect(topLevelText(encoded, other)).toBeUndefined()
    }),
  )
})

const digits = fc.stringMatching(/^\d{1,25}$/)
const literal = fc
  .record({
    minus: fc.constantFrom('', '-'),
    int: digits.map((text) => text.replace(/^0+(?=.)/, '')),
    fraction: fc.option(
      digits.map((text) => `.${text}`),
      { nil: '' },
    ),
    exponent: fc.option(
      fc.tuple(fc.constantFrom('e', 'E', 'e+', 'E-'), fc.nat(200)).map((parts) => parts.join('')),
      { nil: '' },
    ),
  })
  .map(({ minus, int, fraction, exponent }) => minus + int + fraction + exponent)

test('P2: a number keeps its text in old room versions; later ones take safe integers only', () => {
  fc.assert(
    fc.property(literal, (source) => {
      const parsed = parseJson(`{"n":${source}}`)
      expect(encodeCanonical(parsed, lenient)).toBe(`{"n":${source === '-0' ? '0' : source}}`)
      const isInteger = /^(0|-?[1-9]\d*)$/.test(source) && Number.isSafeInteger(Number(source))
      if (isInteger) expect(encodeCanonical(parsed, strict)).toBe(`{"n":${source}}`)
      else expect(() => encodeCanonical(parsed, strict)).toThrow(MatrixError)
    }),
    { numRuns: 500 },
  )
})

test('P2: whatever a room version takes is what JSON.parse reads, to a double', () => {
  fc.assert(
    fc.property(literal, (source) => {
      expect(Number(parseJson(source))).toBe(JSON.parse(source))
      expect(parseJson(source, { numbers: 'plain' })).toBe(JSON.parse(source))
    }),
  )
})

/** JSON broken here and there, so that it is nearly JSON. */
const nearlyJson = fc
  .tuple(
    value,
    fc.array(
      fc.tuple(fc.nat(200), fc.oneof(text, fc.constantFrom('"', '\\', '{', '[', '}', '1e999', '\\ud800', '-0', '.'))),
    ),
  )
  .map(([json, edits]) => {
    return edits.reduce((text, [at, edit]) => text.slice(0, at) + edit + text.slice(at + 1), JSON.stringify(json))
  })

test('P3: the parser takes JSON and refuses everything else, by a MatrixError', () => {
  fc.assert(
    fc.property(fc.oneof(nearlyJson, fc.string({ unit: 'binary' }), fc.json()), (source) => {
      let parsed: unknown
      try {
        parsed = parseJson(source, { numbers: 'plain' })
      } catch (error) {
        expect(error).toBeInstanceOf(MatrixError)
        if ((error as MatrixError).errcode === 'M_NOT_JSON') expect(() => JSON.parse(source)).toThrow(SyntaxError)
        return
      }
      expect(parsed).toEqual(JSON.parse(source))
    }),
    { numRuns: 500 },
  )
})

test('P3: what was cut out of UTF-8 is refused or read, never a surprise', () => {
  const bytes = fc.tuple(value, fc.nat(300)).map(([json, end]) => Buffer.from(JSON.stringify(json)).subarray(0, end))
  fc.assert(
    fc.property(fc.oneof(bytes, fc.uint8Array({ maxLength: 64 })), (cut) => {
      try {
        encodeCanonical(parseJson(Buffer.from(cut).toString('utf8')))
      } catch (error) {
        expect(error).toBeInstanceOf(MatrixError)
      }
    }),
  )
})
