import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { RichMessageBuilder } from 'node-telegram-bot-api'
import { Parser } from 'htmlparser2'
import type { Names } from '../format/to-html.ts'
import { readRich } from './read.ts'
import { renderRich } from './render.ts'
import { wordsIn } from './tree.ts'

const names: Names = {
  byId: (id) => (id === 7 ? '@telegram_7:hs.test' : undefined),
  byUsername: () => undefined,
  emoji: () => undefined,
  link: () => undefined,
}

const shown = (blocks: unknown) => renderRich(readRich({ blocks }).nodes, names)

describe('case 13: rich messages from Telegram', () => {
  test.each([
    [
      { type: 'paragraph', text: ['a ', { type: 'bold', text: ['b', { type: 'italic', text: '<' }] }] },
      '<p>a <strong>b<em>&lt;</em></strong></p>',
      'a b<',
    ],
    [{ type: 'heading', size: 2, text: 'Top' }, '<h2>Top</h2>', 'Top'],
    [{ type: 'heading', size: 99, text: 'Low' }, '<h6>Low</h6>', 'Low'],
    [
      { type: 'pre', text: 'a\n<b>', language: 'ts' },
      '<pre><code class="language-ts">a\n&lt;b&gt;</code></pre>',
      'a\n<b>',
    ],
    [{ type: 'pre', text: 'x', language: '"><script>' }, '<pre><code>x</code></pre>', 'x'],
    [
      { type: 'mathematical_expression', expression: 'x^2' },
      '<pre><code class="language-latex">x^2</code></pre>',
      'x^2',
    ],
    [{ type: 'paragraph', text: { type: 'mathematical_expression', expression: 'y' } }, '<p><code>y</code></p>', 'y'],
    [{ type: 'divider' }, '<hr>', '———'],
    [{ type: 'anchor', name: 'here' }, '', ''],
    [{ type: 'footer', text: 'end' }, '<p><em>end</em></p>', 'end'],
    [
      { type: 'list', items: [{ label: '3.', value: 3, blocks: [{ type: 'paragraph', text: 'c' }] }] },
      '<ol start="3"><li><p>c</p></li></ol>',
      '3. c',
    ],
    [
      { type: 'list', items: [{ label: '•', blocks: [{ type: 'paragraph', text: 'c' }] }] },
      '<ul><li><p>c</p></li></ul>',
      '• c',
    ],
    [
      {
        type: 'list',
        items: [{ label: '', has_checkbox: true, is_checked: true, blocks: [{ type: 'paragraph', text: 'c' }] }],
      },
      '<ul><li>☑ <p>c</p></li></ul>',
      '☑ c',
    ],
    [
      { type: 'blockquote', blocks: [{ type: 'paragraph', text: 'q' }], credit: 'me' },
      '<blockquote><p>q</p><p>— me</p></blockquote>',
      '> q\n> — me',
    ],
    [{ type: 'pullquote', text: 'q' }, '<blockquote><p>q</p></blockquote>', '> q'],
    [
      {
        type: 'table',
        caption: 'T',
        cells: [
          [{ text: 'h', is_header: true }, { text: 'i' }],
          [{}, { text: 'j' }],
        ],
      },
      '<table><caption>T</caption><tr><th>h</th><td>i</td></tr><tr><td></td><td>j</td></tr></table>',
      'T\nh | i\n | j',
    ],
    [
      { type: 'details', summary: 'more', blocks: [{ type: 'paragraph', text: 'in' }] },
      '<details><summary>more</summary><p>in</p></details>',
      'more\nin',
    ],
    [
      {
        type: 'buttons',
        buttons: [
          { text: 'Go', url: 'https://a.example/' },
          { text: 'No', callback_data: 'x' },
        ],
      },
      '<p><a href="https://a.example/">Go</a> No </p>',
      'Go No',
    ],
    [{ type: 'paragraph', text: { type: 'url', text: 'x', url: 'javascript:alert(1)' } }, '<p>x</p>', 'x'],
    [
      { type: 'paragraph', text: { type: 'text_mention', text: 'Bob', user: { id: 7 } } },
      '<p><a href="https://matrix.to/#/@telegram_7:hs.test">Bob</a></p>',
      'Bob',
    ],
    [{ type: 'paragraph', text: { type: 'superscript', text: '2' } }, '<p><sup>2</sup></p>', '2'],
    [{ type: 'of_2027', text: 'new', blocks: [{ type: 'paragraph', text: 'in' }] }, '<p>new</p><p>in</p>', 'new\nin'],
    [{ type: 'of_2027' }, '<p><em>[of 2027]</em></p>', '[of 2027]'],
  ])('%j', (block, html, body) => {
    expect(shown([block])).toMatchObject({ formatted: html, body })
  })

  test('who is mentioned is told, as of other messages', () => {
    const block = { type: 'heading', size: 1, text: { type: 'text_mention', text: 'Bob', user: { id: 7 } } }
    expect(shown([block]).mentioned).toStrictEqual(['@telegram_7:hs.test'])
  })

  test('media are by themselves, and a word stands in their place', () => {
    const photo = [{ file_id: 'f', file_unique_id: 'u', width: 1, height: 1 }]
    const { blocks } = new RichMessageBuilder().paragraph('see').build()
    const { nodes, media, hasText } = readRich({
      blocks: [
        ...(blocks ?? []),
        { type: 'collage', blocks: [{ type: 'photo', photo, has_spoiler: true, caption: { text: 'one' } }] },
        { type: 'map', location: { latitude: 1, longitude: 2 }, zoom: 3, width: 4, height: 5 },
        { type: 'voice_note', voice_note: { file_id: 'v', file_unique_id: 'w', duration: 1 } },
        { type: 'video', video: 'broken' },
      ],
    })
    expect(hasText).toBe(true)
    expect(media).toStrictEqual([
      { photo, caption: 'one', caption_entities: [], has_media_spoiler: true },
      { location: { latitude: 1, longitude: 2 } },
      { voice: { file_id: 'v', file_unique_id: 'w', duration: 1 } },
    ])
    expect(renderRich(nodes, names).body).toBe('see\n[photo]\n[location]\n[voice]\n[video]')
    expect(readRich({ blocks: [{ type: 'photo', photo }] }).hasText).toBe(false)
  })

  test('what is deeper, more or longer than Telegram allows is left out', () => {
    let deep: unknown = 'end'
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { type: 'bold', text: deep }
    let quotes: unknown = { type: 'paragraph', text: 'end' }
    for (let i = 0; i < 100_000; i++) quotes = { type: 'blockquote', blocks: [quotes] }
    expect(shown([{ type: 'paragraph', text: deep }, quotes]).body).not.toContain('end')
    const wide = Array.from({ length: 200_000 }, () => ({ type: 'paragraph', text: 'x' }))
    expect(wordsIn(readRich({ blocks: wide }).nodes).length).toBeLessThan(3_001)
    expect(shown([{ type: 'table', cells: [wide.map(() => ({}))] }]).formatted?.length).toBeLessThan(50_000)
    expect(shown([{ type: 'paragraph', text: 'x'.repeat(1_000_000) }]).body.length).toBeLessThan(50_000)
  })
})

describe('case 15', () => {
  const text: fc.Arbitrary<unknown> = fc.letrec<{ text: unknown }>((tie) => ({
    text: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom('a', 'b\nc', '<script>', '"', '&amp;', '😀', '\ud800', 5, null),
      fc.array(tie('text'), { maxLength: 3 }),
      fc.record({
        type: fc.constantFrom(
          'bold',
          'url',
          'custom_emoji',
          'text_mention',
          'spoiler',
          'button',
          'marked',
          'pre',
          'new',
          0,
        ),
        text: tie('text'),
        url: fc.constantFrom('https://a.example/"x', 'javascript:1', '', 3),
        user: fc.constantFrom({ id: 7 }, {}, 'x'),
      }),
    ),
  })).text
  const kinds = [
    'paragraph',
    'heading',
    'pre',
    'list',
    'blockquote',
    'pullquote',
    'table',
    'details',
    'photo',
    'map',
    'x',
    1,
  ]
  const block: fc.Arbitrary<unknown> = fc.letrec<{ block: unknown }>((tie) => {
    const blocks = fc.oneof(fc.array(tie('block'), { maxLength: 3 }), fc.jsonValue({ maxDepth: 1 }))
    const list = fc.array(fc.oneof(fc.record({ blocks, label: text, value: fc.constantFrom(1, 2.5, '3') }), text))
    return {
      block: fc.oneof(
        { depthSize: 'small' },
        fc.jsonValue({ maxDepth: 1 }),
        fc.record({
          type: fc.constantFrom(...kinds),
          text,
          blocks,
          items: list,
          cells: fc.array(fc.array(fc.record({ text, is_header: fc.boolean() }), { maxLength: 2 }), { maxLength: 2 }),
          summary: text,
          caption: fc.record({ text, credit: text }),
          size: fc.constantFrom(1, -1, NaN, 'x'),
          language: fc.constantFrom('ts', '">', 1),
          photo: fc.jsonValue({ maxDepth: 1 }),
          location: fc.jsonValue({ maxDepth: 1 }),
        }),
      ),
    }
  }).block

  test('any blocks become HTML that is balanced and holds nothing but what Matrix allows', () => {
    fc.assert(
      fc.property(fc.array(block, { maxLength: 4 }), (blocks) => {
        const { formatted = '', body } = shown(blocks)
        expect(body.isWellFormed()).toBe(true)
        expect(problemsOf(formatted)).toStrictEqual([])
      }),
    )
  })
})

/** https://spec.matrix.org/v1.19/client-server-api/#mroommessage-msgtypes: what of it comes from Telegram. */
const tags =
  'p h1 h2 h3 h4 h5 h6 em strong u del code pre hr ul ol li blockquote table caption tr th td details summary sub sup a span br'
const attributes = ['href', 'class', 'start', 'data-mx-spoiler', 'data-mx-color', 'data-mx-bg-color']

/** Whatever is not closed, not known, or leads where no link should. */
function problemsOf(html: string): string[] {
  const known = new Set(tags.split(' '))
  const problems: string[] = []
  const parser = new Parser(
    {
      onopentag: (name, given) => {
        if (!known.has(name)) problems.push(name)
        for (const [key, value] of Object.entries(given)) {
          if (!attributes.includes(key) || (key === 'href' && !/^(?:https|mailto|tel):/.test(value))) problems.push(key)
        }
      },
      onclosetag: (name, isImplied) => {
        if (isImplied && name !== 'hr' && name !== 'br') problems.push(`</${name}>`)
      },
    },
    { xmlMode: false },
  )
  parser.end(html)
  return problems
}
