/** State that those outside of a room are told with an invitation or a knock. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
export const strippedTypes = [
  'm.room.create',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.encryption',
]
