/** What was told of an event in a partial room some of whose parents are missing: it meets the others anew when the room is whole. */
export const up = (): readonly string[] => ['alter table partial_events add column told_group bigint']
