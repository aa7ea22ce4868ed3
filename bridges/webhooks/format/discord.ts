/** What programs post that were written for Discord, as Markdown. https://discord.com/developers/docs/resources/webhook#execute-webhook */
import * as z from 'zod'
import { joined, lines, quoted, type Said } from './said.ts'

const text = z.string().max(50_000)
const linked = z.looseObject({ name: text.nullish(), url: text.nullish() })
const embed = z.looseObject({
  title: text.nullish(),
  description: text.nullish(),
  url: text.nullish(),
  author: linked.nullish(),
  fields: z
    .array(z.looseObject({ name: text, value: text }))
    .max(25)
    .nullish(),
  image: linked.nullish(),
  thumbnail: linked.nullish(),
  footer: z.looseObject({ text: text.nullish() }).nullish(),
})

export const discordBody = z.looseObject({
  content: text.nullish(),
  username: text.nullish(),
  avatar_url: text.nullish(),
  embeds: z.array(embed).max(10).nullish(),
})

export function sayOfDiscord({ content, username, avatar_url: avatar, embeds }: z.output<typeof discordBody>): Said {
  const markdown = lines([plainMentions(content ?? ''), ...(embeds ?? []).map((one) => quoted(ofEmbed(one)))])
  return { markdown, name: username ?? undefined, avatar: avatar ?? undefined }
}

function ofEmbed({
  title,
  description,
  url,
  author,
  fields,
  image,
  thumbnail,
  footer,
}: z.output<typeof embed>): string {
  return lines([
    link(author?.name, author?.url),
    title ? `**${link(title, url)}**` : '',
    plainMentions(description ?? ''),
    ...(fields ?? []).map(({ name, value }) => `**${name}:** ${plainMentions(value)}`),
    joined([image?.url ?? '', thumbnail?.url ?? ''], ' '),
    footer?.text ? `_${footer.text}_` : '',
  ])
}

const link = (label: string | null | undefined, url: string | null | undefined): string =>
  label && url ? `[${label.replace(/[[\]]/g, '')}](${url})` : (label ?? '')

/** Ids of Discord's people, rooms and emoji say nothing here. */
const plainMentions = (given: string): string =>
  given
    .replace(/<a?:(\w{2,32}):\d{1,20}>/g, ':$1:')
    .replace(/<@[!&]?\d{1,20}>/g, '@…')
    .replace(/<#\d{1,20}>/g, '#…')
