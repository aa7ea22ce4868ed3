/**
 * What a page says about itself: Open Graph (https://ogp.me), Twitter's variant of it, and failing these its title,
 * description and first words. The page is read tag by tag and never made into a tree, so nesting costs nothing (T81).
 */
import { SAXParser } from 'parse5-sax-parser'

export interface Page {
  /** Open Graph properties such as `og:title`, the first of each name. */
  readonly properties: ReadonlyMap<string, string>
  /** Where an oEmbed description of the page is. https://oembed.com/#section4 */
  readonly oEmbed: string | undefined
}

const MAX_PROPERTIES = 50
const MAX_VALUE_LENGTH = 1000
/** Of the page's words, where it has no description. */
const MAX_WORDS_LENGTH = 300

const silent = new Set(['script', 'style', 'noscript', 'template', 'svg', 'nav', 'header', 'footer', 'aside', 'button'])
const headings = new Set(['h1', 'h2', 'h3'])

export function readPage(html: string): Page {
  const given = new Map<string, string>()
  const found: { -readonly [Key in 'title' | 'heading' | 'description' | 'image' | 'words']: string } = {
    title: '',
    heading: '',
    description: '',
    image: '',
    words: '',
  }
  let oEmbed: string | undefined
  /** The element whose text is looked at, and how deep in elements without words of their own we are. */
  let within: 'title' | 'heading' | 'words' | undefined
  let silence: string | undefined

  const parser = new SAXParser()
  parser.on('startTag', ({ tagName, attrs }) => {
    const attribute = (name: string): string => attrs.find((one) => one.name === name)?.value.trim() ?? ''
    if (tagName === 'meta') {
      const name = (attribute('property') || attribute('name')).toLowerCase()
      const content = clip(attribute('content'), MAX_VALUE_LENGTH)
      if (/^(?:og|twitter):/.test(name) && content && !given.has(name) && given.size < MAX_PROPERTIES) {
        given.set(name, content)
      }
      if (name === 'description') found.description ||= content
      if (attribute('itemprop') === 'image') found.image ||= content
    } else if (tagName === 'link') {
      if (attribute('type') === 'application/json+oembed') oEmbed ??= attribute('href') || undefined
      if (attribute('rel') === 'image_src') found.image ||= attribute('href')
    } else if (tagName === 'title') within = 'title'
    else if (headings.has(tagName)) within = 'heading'
    else if (tagName === 'p') within = 'words'
    else if (silent.has(tagName)) silence ??= tagName
  })
  parser.on('endTag', ({ tagName }) => {
    if (tagName === silence) silence = undefined
    else if (tagName === 'title' || tagName === 'p' || headings.has(tagName)) within = undefined
  })
  parser.on('text', ({ text }) => {
    if (within === undefined || silence !== undefined || found[within].length >= MAX_VALUE_LENGTH) return
    if (within === 'heading' && found.heading.trim()) return
    found[within] += within === 'words' ? `${text} ` : text
  })
  parser.end(html)

  const properties = new Map([...given].filter(([name]) => name.startsWith('og:')))
  const fallBack = (name: string, ...values: (string | undefined)[]): void => {
    const value = values.map((one) => one?.replaceAll(/\s+/g, ' ').trim()).find(Boolean)
    if (!properties.has(name) && value) properties.set(name, clip(value, MAX_VALUE_LENGTH))
  }
  fallBack('og:title', given.get('twitter:title'), found.title, found.heading)
  fallBack(
    'og:description',
    given.get('twitter:description'),
    found.description,
    clip(found.words.replaceAll(/\s+/g, ' ').trim(), MAX_WORDS_LENGTH),
  )
  fallBack('og:image', given.get('twitter:image'), given.get('twitter:image:src'), found.image)
  return { properties, oEmbed }
}

/** Cuts where no character is torn. */
function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`
}
