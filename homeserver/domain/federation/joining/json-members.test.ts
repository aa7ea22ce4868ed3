import { describe, expect, test } from '@jest/globals'
import { parseJson } from '../../../core/canonical-json.ts'
import type { Json } from '../../../core/event.ts'
import { readMembers } from './json-members.ts'

async function* chunksOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(text: string, size: number): Promise<[string, Json][]> {
  const found: [string, Json][] = []
  for await (const { key, text: value } of readMembers(chunksOf(text, size))) found.push([key, parseJson(value)])
  return found
}

describe('a long JSON object', () => {
  const text = ` { "state" : [ {"a":"]}\\",[{"}, {"b":[1,[2]],"c":{"d":{}}} ,"\\\\", 12 ],
    "event":{"é𐀀":"…"},"empty":[],"none":{},"yes": true , "list of lists":[[1],[]], "n":-1.5e3}\n`
  const members: [string, Json][] = [
    ['state', { a: ']}",[{' }],
    ['state', { b: [1, [2]], c: { d: {} } }],
    ['state', '\\'],
    ['state', 12],
    ['event', { é𐀀: '…' }],
    ['none', {}],
    ['yes', true],
    ['list of lists', [1]],
    ['list of lists', []],
  ]

  test.each([1, 2, 3, 7, 4096])('is read in pieces of %i bytes, the elements of its lists one by one', async (size) => {
    const found = await read(text, size)
    expect(found.slice(0, -1)).toEqual(members)
    expect(found.at(-1)?.[0]).toBe('n')
  })

  test('that ends too early is none', async () => {
    for (let end = 0; end < text.trimEnd().length; end++) {
      await expect(read(text.slice(0, end), 4096)).rejects.toMatchObject({ status: 400 })
    }
  })

  test('costs no more to read when a long value comes drop by drop', async () => {
    const [long, drops] = ['a'.repeat(1_000_000), 40_000]
    const bytes = (async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from(`{"state":["${long}`))
      for (let n = 0; n < drops; n++) yield Buffer.from('a')
      yield Buffer.from('"],"n":1}')
    })()
    const found: [string, number][] = []
    for await (const { key, text: value } of readMembers(bytes)) found.push([key, value.length])
    expect(found).toEqual([
      ['state', long.length + drops + 2],
      ['n', 1],
    ])
  })

  test('is refused when a value has no end, or is not UTF-8', async () => {
    await expect(read(`{"state":["${'a'.repeat(2_000_000)}"]}`, 65_536)).rejects.toMatchObject({ status: 400 })
    const bytes = (async function* (): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from([0x7b, 0x22, 0xff, 0x22]))
    })()
    await expect(readMembers(bytes).next()).rejects.toMatchObject({ errcode: 'M_BAD_JSON' })
  })
})
