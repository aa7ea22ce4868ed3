import { describe, expect, test } from '@jest/globals'
import { highlightsOf, unitsOf, wordsOf } from './words.ts'

describe('words', () => {
  test.each([
    ['Hello, World! It’s 4 o_clock', ['hello', 'world', 'it', 's', '4', 'o', 'clock']],
    ['CAFÉ cafe\u0301 naïve Ёлка', ['cafe', 'cafe', 'naive', 'елка']],
    ['мой МОИ', ['мой', 'мои']],
    ['ｆｕｌｌ ﬁne ½', ['full', 'fine', '1', '2']],
    ['한국어를', ['한국어를']],
    ['हिन्दी में', ['हिन्दी', 'में']],
    ['東京都へ', ['東京', '京都', '都へ', 'へ']],
    ['iPhone手机', ['iphone', '手机', '机']],
    [`'; drop table--\\ %_"`, ['drop', 'table']],
    ['…', []],
  ])('%s', (text, words) => expect(wordsOf(text)).toEqual(words))

  test('no word is longer than databases take', () => {
    expect(wordsOf('a'.repeat(5000))).toEqual(['a'.repeat(64)])
  })
})

describe('a search', () => {
  test('is for beginnings of words, except very short ones', () => {
    expect(unitsOf('Redact me 42')).toEqual([
      { words: ['redact'], isPrefix: true },
      { words: ['me'], isPrefix: false },
      { words: ['42'], isPrefix: false },
    ])
  })

  test('is for exactly what stands between quotes', () => {
    expect(unitsOf('say "Hello World" "now')).toEqual([
      { words: ['say'], isPrefix: true },
      { words: ['hello', 'world'], isPrefix: false },
      { words: ['now'], isPrefix: false },
    ])
  })

  test('without spaces is for neighbouring characters', () => {
    expect(unitsOf('東京都')).toEqual([{ words: ['東京', '京都'], isPrefix: false }])
    expect(unitsOf('都')).toEqual([{ words: ['都'], isPrefix: true }])
    expect(unitsOf('"東京 都市"')).toEqual([{ words: ['東京', '京', '都市'], isPrefix: false }])
  })

  test('has an end', () => {
    expect(unitsOf('word '.repeat(1000))).toHaveLength(16)
    expect(unitsOf('"" , ""')).toEqual([])
  })
})

test('highlights are the words as they were written', () => {
  expect(highlightsOf('cafe mess', ['A Café, two cafés', 'Message; a mess', 'unmessy'])).toEqual([
    'Café',
    'cafés',
    'Message',
    'mess',
  ])
  expect(highlightsOf('京都', ['東京都へ'])).toEqual(['京都'])
  expect(highlightsOf('4', ['4 of 40'])).toEqual(['4'])
})
