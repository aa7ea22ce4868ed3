import { expect, test } from '@jest/globals'
import { splitExport } from './split.ts'

// eslint-disable-next-line @typescript-eslint/require-await -- as a file is read
async function* inParts(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function split(text: string, size = 3): Promise<{ pieces: unknown[]; rest: string }> {
  const texts = splitExport(inParts(text, size))
  const pieces: unknown[] = []
  for (;;) {
    const next = await texts.next()
    if (next.done === true) return { pieces, rest: next.value }
    pieces.push(JSON.parse(next.value))
  }
}

test('messages come out one by one, wherever the file is cut, and what is around them stays', async () => {
  const messages = [{ id: 1, text: 'a "]}\\" é 😀', list: [[{ messages: [1] }]] }, {}, { id: 3 }]
  const around = { name: '"messages": [', id: 5, tail: { messages: [{ no: 'message' }] } }
  const text = JSON.stringify({ ...around, messages, more: [1, { a: [] }] }, undefined, 1)
  for (const size of [1, 2, 3, 7, 10_000]) {
    const { pieces, rest } = await split(text, size)
    expect(pieces).toEqual(messages)
    expect(JSON.parse(rest)).toEqual({ ...around, messages: [], more: [1, { a: [] }] })
  }
})

test('what is cut off, too large or something else among messages is refused', async () => {
  await expect(split('{"messages": [{"id": 1}')).rejects.toThrow('The file ends too early. An export of one chat')
  await expect(split('{"messages": [1, {"id": 1}]}')).rejects.toThrow('Among the messages is something else')
  await expect(split(`{"name": "${'x'.repeat(5_000_000)}"}`, 65_536)).rejects.toThrow('too much in one piece')
})
