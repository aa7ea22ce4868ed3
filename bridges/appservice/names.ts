const MAX_NAME = 100

/** Control characters and those that turn the direction of writing must not be in a name. */
export const cleanName = (name: string, limit = MAX_NAME): string =>
  name.replace(/[\p{Cc}\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '').slice(0, limit)
