/** The room in which the server speaks to a user. */
export const up = (): readonly string[] => [
  'create table server_notice_rooms (user_id text primary key, room_id text not null unique)',
]
