import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { decodePage } from './charset.ts'
import { readOEmbed } from './oembed.ts'
import { readPage } from './page.ts'

const propertiesOf = (html: string): Record<string, string> => Object.fromEntries(readPage(html).properties)

describe('a page', () => {
  test('is what its Open Graph properties say, the first of each name', () => {
    const html = `<html prefix="og: http://ogp.me/ns#"><head><title>The Rock (1996)</title>
      <meta property="og:title" content="The &amp; Rock" /><meta property="og:title" content="Another" />
      <meta property="og:image" content="rock.png"><meta name="og:site_name" content="IMDb"></head>`
    expect(propertiesOf(html)).toEqual({ 'og:title': 'The & Rock', 'og:image': 'rock.png', 'og:site_name': 'IMDb' })
  })

  test.each([
    ['twitter', '<meta name="twitter:title" content="T"><title>x</title>', { 'og:title': 'T' }],
    ['its title', '<title> A \n title </title><h1>Heading</h1>', { 'og:title': 'A title' }],
    ['its first heading', '<h2>One</h2><h1>Two</h1>', { 'og:title': 'One' }],
    ['its description', '<meta name="description" content="D"><p>words</p>', { 'og:description': 'D' }],
    [
      'its first words',
      '<nav><p>Menu</p></nav><p>Some <b>bold</b></p><p>words</p>',
      { 'og:description': 'Some bold words' },
    ],
    ['a picture it names', '<link rel="image_src" href="/a.png">', { 'og:image': '/a.png' }],
    ['nothing', '<script>"<title>no</title>"</script><div>Text</div>', {}],
  ])('without them it is told by %s', (_what, html, properties) => {
    expect(propertiesOf(html)).toEqual(properties)
  })

  test('may say where its oEmbed description is', () => {
    expect(readPage('<link type="application/json+oembed" href="/oembed?x=1&amp;y=2">').oEmbed).toBe('/oembed?x=1&y=2')
  })

  test('T81: a million nested tags are read as quickly as others', () => {
    const deep = '<div>'.repeat(100_000) + '</x>'.repeat(100_000) + '<title>End</title>'
    expect(propertiesOf(deep)).toEqual({ 'og:title': 'End' })
  })

  test('gives short and well-formed texts, whatever it is', () => {
    const piece = fc.constantFrom(
      '<p>',
      '</p>',
      '<title>',
      '<meta property="og:title" content="',
      '">',
      '<svg>',
      '<!--',
    )
    const html = fc.array(fc.oneof(piece, fc.string({ unit: 'binary' }))).map((parts) => parts.join(''))
    fc.assert(
      fc.property(html, (text) => {
        for (const value of readPage(text.toWellFormed()).properties.values()) {
          expect(value.isWellFormed() && value.length > 0 && value.length <= 1000).toBe(true)
        }
      }),
    )
  })
})

test('letters are read as the page or its server says', () => {
  const german = Buffer.from('Gr\xfc\xdfe', 'latin1')
  const meta = Buffer.from('<meta charset="windows-1251">\xcf\xf0', 'latin1')
  expect(decodePage(german, 'text/html; charset=ISO-8859-1')).toBe('Grüße')
  expect(decodePage(meta, 'text/html')).toContain('Пр')
  expect(decodePage(Buffer.from('Grüße'), 'text/html; charset=nonsense')).toBe('Grüße')
})

test('an oEmbed description stands for Open Graph properties', () => {
  const video = {
    type: 'video',
    title: 'A film',
    provider_name: 'Tube',
    thumbnail_url: 'https://t.example/1.jpg',
    html: '<x>',
  }
  expect(Object.fromEntries(readOEmbed(JSON.stringify(video)))).toEqual({
    'og:title': 'A film',
    'og:site_name': 'Tube',
    'og:image': 'https://t.example/1.jpg',
    'og:type': 'video.other',
  })
  expect(readOEmbed('[1]').size + readOEmbed('not JSON').size + readOEmbed('{"title": 5}').size).toBe(0)
})
