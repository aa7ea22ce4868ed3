/** Which terms people have accepted. */
export const up = (): readonly string[] => [
  // The version of each document of `registration.terms`, as JSON. Null: none was asked to be accepted.
  'alter table accounts add column accepted_terms text',
]
