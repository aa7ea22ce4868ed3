import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { markdownToHtml } from './markdown.ts'

test.each([
  ['plain < text', undefined],
  ['**bold** and *italic* and ~~gone~~', '<strong>bold</strong> and <em>italic</em> and <del>gone</del>'],
  ['snake_case_name and _this_', 'snake_case_name and <em>this</em>'],
  ['`a < b`', '<code>a &lt; b</code>'],
  [
    '[a](https://a.example/x_(y)) ![p](https://a.example/p.png)',
    '<a href="https://a.example/x_(y)">a</a> <a href="https://a.example/p.png">p</a>',
  ],
  ['see https://a.example/b.', 'see <a href="https://a.example/b">https://a.example/b</a>.'],
  ['[a](javascript:alert)', undefined],
  ['# One\ntext\n\nmore', '<h1>One</h1><p>text</p><p>more</p>'],
  ['- a\n- b\n1. c', '<ul><li>a</li><li>b</li></ul><ol><li>c</li></ol>'],
  ['> a\n> > b', '<blockquote><p>a</p><blockquote>b</blockquote></blockquote>'],
  ['```js\na < b\n```', '<pre><code class="language-js">a &lt; b\n</code></pre>'],
  ['\\*not\\*', '*not*'],
  ['||hidden||', '<span data-mx-spoiler>hidden</span>'],
  ['a\nb', undefined],
])('%j becomes %j', (markdown, html) => expect(markdownToHtml(markdown)).toBe(html))

const allowed =
  /^<(?:\/?(?:strong|em|del|code|pre|h[1-6]|p|ul|ol|li|blockquote|a|span)|br|hr|a href="(?:https?:\/\/|mailto:)[^"<>]*"|span data-mx-spoiler|code class="language-[\w+#.-]+")>$/

test('whatever is in a text, only our own tags come out, and each is closed', () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(
      '**',
      '__',
      '*',
      '_',
      '~~',
      '||',
      '`',
      '```',
      '\n',
      '> ',
      '- ',
      '# ',
      '[',
      '](',
      ')',
      '<',
      '>',
      '"',
      '&',
    ),
    fc.constantFrom('https://a.example/', 'javascript:', '<script>', '" onclick="'),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const html = markdownToHtml(pieces.join('')) ?? ''
      const tags = html.match(/<[^>]*>?/g) ?? []
      expect(tags.filter((tag) => !allowed.test(tag))).toEqual([])
      const open: string[] = []
      for (const tag of tags) {
        const [, slash, name = ''] = /^<(\/?)([a-z\d]+)/.exec(tag) ?? []
        if (name === 'br' || name === 'hr') continue
        if (slash === '/') expect(open.pop()).toBe(name)
        else open.push(name)
      }
      expect(open).toEqual([])
    }),
    { numRuns: 500 },
  )
})

test('texts that are made to be slow are not', () => {
  for (const piece of ['[', '**a ', '*a', '`', '||a ', '__a ', '<https://', '> ', '~~ ', '![a](']) {
    expect(markdownToHtml(piece.repeat(12_000 / piece.length))?.length ?? 0).toBeLessThan(600_000)
  }
})
