/** Who types. */
import type { RoomId } from '../../../../core/ids.ts'
import type { Typing } from '../../../ephemeral/typing.ts'
import { sinceOf } from '../../span.ts'
import { byRoom, type Extension, type ExtensionAnswer, nothingToSay, roomsOf, type Scene } from './extension.ts'

export class TypingExtension implements Extension {
  readonly name = 'typing'
  readonly #typing: Pick<Typing, 'typersSince'>

  constructor({ typing }: { readonly typing: Pick<Typing, 'typersSince'> }) {
    this.#typing = typing
  }

  answer(scene: Scene): Promise<ExtensionAnswer> {
    const { span, request, returning } = scene
    const asked = request.extensions.typing
    if (!asked?.enabled) return Promise.resolve(nothingToSay)
    const texts = new Map<RoomId, string>()
    for (const roomId of roomsOf(scene, asked)) {
      // Of a room that comes back into a window the client may know something old.
      const typers = this.#typing.typersSince(roomId, returning.has(roomId) ? 1 : sinceOf(span, 'typing'))
      if (typers) texts.set(roomId, `{"type":"m.typing","content":{"user_ids":${JSON.stringify(typers)}}}`)
    }
    return Promise.resolve({ text: `{"rooms":${byRoom(texts)}}`, hasNews: texts.size > 0 })
  }
}
