import { Directory, type DirectoryParts } from './directory.ts'
import { PublicRooms } from './public-rooms.ts'
import { type PreviewParts, RoomPreviews } from './room-previews.ts'
import { UserSearch } from './user-search.ts'

export interface DirectoryServices {
  readonly directory: Directory
  readonly publicRooms: PublicRooms
  readonly userSearch: UserSearch
  readonly roomPreviews: RoomPreviews
}

export function openDirectory(parts: DirectoryParts & PreviewParts): DirectoryServices {
  return {
    directory: new Directory(parts),
    publicRooms: new PublicRooms(parts),
    userSearch: new UserSearch(parts),
    roomPreviews: new RoomPreviews(parts),
  }
}
