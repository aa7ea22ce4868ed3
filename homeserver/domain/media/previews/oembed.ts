/** oEmbed: a page described as JSON. https://oembed.com/#section2.3 */
import { z } from 'zod'

const MAX_TEXT_LENGTH = 1000

const text = z.string().transform((value) => value.trim().slice(0, MAX_TEXT_LENGTH))
const description = z.looseObject({
  type: z.string().optional().catch(undefined),
  title: text.optional().catch(undefined),
  author_name: text.optional().catch(undefined),
  provider_name: text.optional().catch(undefined),
  url: text.optional().catch(undefined),
  thumbnail_url: text.optional().catch(undefined),
})

const openGraphTypes: Readonly<Record<string, string>> = { video: 'video.other', photo: 'image', rich: 'article' }

/** As Open Graph properties; none if it cannot be understood. Its HTML is not looked at: clients show none. */
export function readOEmbed(json: string): ReadonlyMap<string, string> {
  const { data } = description.safeParse(parse(json))
  if (!data) return new Map()
  const image = data.thumbnail_url ?? (data.type === 'photo' ? data.url : undefined)
  const properties: readonly [string, string | undefined][] = [
    ['og:title', data.title ?? data.author_name],
    ['og:site_name', data.provider_name],
    ['og:image', image],
    ['og:type', openGraphTypes[data.type ?? '']],
  ]
  return new Map(properties.filter((property): property is [string, string] => Boolean(property[1])))
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
