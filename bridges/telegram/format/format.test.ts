import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { MessageEntity } from 'node-telegram-bot-api'
import { checkText } from '../../../test/support/fake-telegram/text.ts'
import { split, TEXT_LIMIT } from './split.ts'
import { type Links, toEntities } from './to-entities.ts'
import { type Names, toHtml } from './to-html.ts'

const names: Names = {
  byId: (id) => (id === 7 ? '@telegram_7:hs.test' : undefined),
  byUsername: (name) => (name === 'bob' ? '@telegram_8:hs.test' : undefined),
  emoji: (id) => (id === '5' ? 'mxc://hs.test/smile' : undefined),
  link: (url) => (url === 'https://t.me/c/1/2' ? 'https://matrix.to/#/!room/$event' : undefined),
}
const links: Links = {
  user: (userId) => (userId === '@telegram_7:hs.test' ? { id: 7, name: 'Carol' } : undefined),
  message: (_, eventId) => (eventId === '$known' ? 'https://t.me/c/1/2' : undefined),
  emoji: (mxc) => (mxc === 'mxc://hs.test/smile' ? '5' : undefined),
}
const html = (text: string, ...entities: MessageEntity[]) => toHtml(text, entities, names)
const entity = (type: string, offset: number, length: number, more: Partial<MessageEntity> = {}): MessageEntity => ({
  type,
  offset,
  length,
  ...more,
})

describe('case 13: from Telegram', () => {
  test.each([
    ['bold', {}, '<strong>x</strong>'],
    ['italic', {}, '<em>x</em>'],
    ['underline', {}, '<u>x</u>'],
    ['strikethrough', {}, '<del>x</del>'],
    ['spoiler', {}, '<span data-mx-spoiler>x</span>'],
    ['code', {}, '<code>x</code>'],
    ['pre', { language: 'c++' }, '<pre><code class="language-c++">x</code></pre>'],
    ['pre', { language: '"><script>' }, '<pre><code>x</code></pre>'],
    ['blockquote', {}, '<blockquote>x</blockquote>'],
    ['expandable_blockquote', {}, '<blockquote>x</blockquote>'],
    ['text_link', { url: 'https://a.example/?a&b' }, '<a href="https://a.example/?a&amp;b">x</a>'],
    ['text_link', { url: 'https://t.me/c/1/2' }, '<a href="https://matrix.to/#/!room/$event">x</a>'],
    [
      'text_mention',
      { user: { id: 7, is_bot: false, first_name: 'C' } },
      '<a href="https://matrix.to/#/@telegram_7:hs.test">x</a>',
    ],
    [
      'custom_emoji',
      { custom_emoji_id: '5' },
      '<img data-mx-emoticon src="mxc://hs.test/smile" alt="x" title="x" height="32">',
    ],
  ])('%s %o', (type, more, expected) => expect(html('x', entity(type, 0, 1, more)).formatted).toBe(expected))

  test.each([
    ['text_link', { url: 'javascript:alert(1)' }],
    ['custom_emoji', { custom_emoji_id: '6' }],
    ['hashtag', {}],
    ['of the future', {}],
  ])('%s %o changes nothing', (type, more) => expect(html('x', entity(type, 0, 1, more)).formatted).toBeUndefined())

  test('offsets count UTF-16 units, with emoji before', () =>
    expect(html('😀 x', entity('bold', 3, 1)).formatted).toBe('😀 <strong>x</strong>'))

  test('nested and partly overlapping entities', () => {
    expect(html('abcd', entity('bold', 0, 4), entity('italic', 1, 2)).formatted).toBe('<strong>a<em>bc</em>d</strong>')
    expect(html('abcd', entity('bold', 0, 3), entity('italic', 1, 3)).formatted).toBe(
      '<strong>a<em>bc</em></strong><em>d</em>',
    )
  })

  test('text is escaped, lines break outside of pre, spoilers are not in the body', () => {
    expect(html('<b>\n1', entity('bold', 4, 1)).formatted).toBe('&lt;b&gt;<br><strong>1</strong>')
    expect(html('a\nb', entity('pre', 0, 3)).formatted).toBe('<pre><code>a\nb</code></pre>')
    expect(html('the secret', entity('spoiler', 4, 6)).body).toBe('the (spoiler)')
  })

  test('spoilers within spoilers, and beside them, hide what they cover', () => {
    const spoilers = [entity('spoiler', 2, 6), entity('spoiler', 3, 2), entity('spoiler', 6, 4)]
    expect(html('a secret word, seen', ...spoilers).body).toBe('a (spoiler)ord, seen')
  })

  test('mentions are pills of those whom we know, and told', () => {
    expect(html('@bob', entity('mention', 0, 4))).toMatchObject({
      formatted: '<a href="https://matrix.to/#/@telegram_8:hs.test">@bob</a>',
      mentioned: ['@telegram_8:hs.test'],
    })
    expect(html('@eve', entity('mention', 0, 4)).formatted).toBe('<a href="https://t.me/eve">@eve</a>')
  })
})

describe('case 14: from Matrix', () => {
  const of = (source: string) => toEntities(source, links)
  test.each([
    ['<strong>x</strong>', 'bold'],
    ['<b>x</b>', 'bold'],
    ['<em>x</em>', 'italic'],
    ['<u>x</u>', 'underline'],
    ['<del>x</del>', 'strikethrough'],
    ['<s>x</s>', 'strikethrough'],
    ['<code>x</code>', 'code'],
    ['<blockquote>x</blockquote>', 'blockquote'],
    ['<h2>x</h2>', 'bold'],
    ['<span data-mx-spoiler>x</span>', 'spoiler'],
  ])('%s', (source, type) => expect(of(source)).toEqual({ text: 'x', entities: [{ type, offset: 0, length: 1 }] }))

  test('blocks keep their language and nothing else inside', () =>
    expect(of('<pre><code class="language-ts">a <b>b</b>\n  c</code></pre>')).toEqual({
      text: 'a b\n  c',
      entities: [{ type: 'pre', language: 'ts', offset: 0, length: 7 }],
    }))

  test('the fallback of replies goes', () =>
    expect(of('<mx-reply><blockquote>old <a href="x">a</a></blockquote></mx-reply>new').text).toBe('new'))

  test('paragraphs, lists, tables and rules are lines', () => {
    expect(of('<p>a</p><p>b<br>c</p>').text).toBe('a\n\nb\nc')
    expect(of('<ol start="3"><li>a<ul><li>b</li></ul></li><li>c</li></ol>').text).toBe('3. a\n  • b\n4. c')
    expect(of('<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>').text).toBe('a | b\n1 | 2')
    expect(of('a<hr>b').text).toBe('a\n———\nb')
  })

  test('pills are mentions, links to events lead to their messages', () => {
    expect(of('<a href="https://matrix.to/#/%40telegram_7%3Ahs.test">Carol</a>').entities).toMatchObject([
      { type: 'text_mention', user: { id: 7 } },
    ])
    expect(of('<a href="https://matrix.to/#/@alice:hs.test">Alice</a>')).toEqual({ text: 'Alice', entities: [] })
    expect(of('<a href="https://matrix.to/#/!r:hs.test/$known">x</a>').entities).toMatchObject([
      { url: 'https://t.me/c/1/2' },
    ])
    expect(of('<a href="javascript:x">x</a>').entities).toEqual([])
  })

  test('a custom emoji is itself again, where an emoji stands for it', () => {
    const image = (alt: string) => of(`<img data-mx-emoticon src="mxc://hs.test/smile" alt="${alt}">`)
    expect(image('😀')).toEqual({
      text: '😀',
      entities: [{ type: 'custom_emoji', custom_emoji_id: '5', offset: 0, length: 2 }],
    })
    expect(image(':smile:')).toEqual({ text: ':smile:', entities: [] })
  })

  test('of more than 100 entities the least important go', () => {
    const source = `${'<i>a</i> '.repeat(120)}<a href="https://a.example">x</a>`
    const { entities } = of(source)
    expect(entities).toHaveLength(100)
    expect(entities.at(-1)?.type).toBe('text_link')
  })
})

describe('case 15', () => {
  const tag = fc.constantFrom(
    'b',
    'i',
    'u',
    's',
    'code',
    'pre',
    'blockquote',
    'p',
    'ul',
    'li',
    'a href="https://x.example"',
    'span data-mx-spoiler',
    'br',
    'mx-reply',
  )
  const piece = fc.oneof(
    tag.map((name) => `<${name}>`),
    tag.map((name) => `</${name.split(' ')[0]}>`),
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.constantFrom(' ', '\n', '😀', '🇩🇪', '&amp;', '<', '"'),
  )
  test('any HTML becomes what Telegram takes', () =>
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const { text, entities } = toEntities(pieces.join(''), links)
        if (text !== '') checkText(text, entities, 100_000, 'message')
      }),
    ))

  test('any entities become balanced HTML', () => {
    const any = fc.record({
      type: fc.constantFrom('bold', 'italic', 'pre', 'spoiler', 'text_link', 'mention', 'url'),
      offset: fc.integer({ min: -3, max: 12 }),
      length: fc.integer({ min: -2, max: 12 }),
    })
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 10 }), fc.array(any, { maxLength: 6 }), (text, entities) => {
        const open: string[] = []
        for (const [, slash, name = ''] of (toHtml(text, entities, names).formatted ?? '').matchAll(/<(\/?)(\w+)/g)) {
          if (name === 'br') continue
          if (slash === '/') expect(open.pop()).toBe(name)
          else open.push(name)
        }
        expect(open).toEqual([])
      }),
    )
  })
})

describe('case 16', () => {
  test('long text is cut between words, and bold goes on in the next part', () => {
    const text = 'word '.repeat(2400).trim()
    const parts = split({ text, entities: [{ type: 'bold', offset: 0, length: text.length }] })
    expect(parts.map((part) => part.text).join(' ')).toBe(text)
    for (const part of parts) {
      expect(part.text.length).toBeLessThanOrEqual(TEXT_LIMIT)
      expect(part.entities).toEqual([{ type: 'bold', offset: 0, length: part.text.length }])
    }
  })

  test('a flag at the border stays whole', () => {
    const text = '🇩🇪'.repeat(1100)
    const parts = split({ text, entities: [] })
    expect(parts.map((part) => part.text).join('')).toBe(text)
    expect(parts.every((part) => part.text.length % 4 === 0)).toBe(true)
  })
})
