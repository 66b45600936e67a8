/** What one cloud says of how its traffic is recorded; `lib/simulation` knows no cloud itself. */
export interface RecordingProfile {
  /** Name of the cloud in recordings and of its folder below `./recordings`. */
  service: string
  /** Names in the documents of operations whose own name in snake case differs. */
  operations?: Readonly<Record<string, string>>
}
