/**
 * Conditional requests, as R2's gateway tests them: RFC 7232 section 6, with dates compared by the second and
 * `If-Unmodified-Since` strict.
 */
type Headers = Readonly<Record<string, string | undefined>>

export interface Conditions {
  ifMatch?: ETagList | undefined
  ifNoneMatch?: ETagList | undefined
  /** Whole seconds since the epoch. */
  ifModifiedSince?: number | undefined
  ifUnmodifiedSince?: number | undefined
}

type ETagList = '*' | ReadonlyArray<{ weak: boolean, value: string }>

export interface Validators {
  /** Without quotes. */
  etag: string
  /** Milliseconds since the epoch. */
  uploaded: number
}

/** Reads the four headers under a prefix such as `x-amz-copy-source-`; undefined when there are none. */
export function readConditions (headers: Headers, prefix = ''): Conditions | undefined {
  const conditions = {
    ifMatch: parseETags(headers[`${prefix}if-match`]),
    ifNoneMatch: parseETags(headers[`${prefix}if-none-match`]),
    ifModifiedSince: parseDate(headers[`${prefix}if-modified-since`]),
    ifUnmodifiedSince: parseDate(headers[`${prefix}if-unmodified-since`])
  }
  return Object.values(conditions).some(condition => condition !== undefined) ? conditions : undefined
}

/** Whether all conditions hold; `current` is undefined when there is no object. */
export function conditionsHold (conditions: Conditions | undefined, current: Validators | undefined): boolean {
  return conditions === undefined || (preconditionsHold(conditions, current) && cacheConditionsHold(conditions, current))
}

/** `If-Match` and `If-Unmodified-Since`, whose failure is 412; the first, holding, hides the second. */
export function preconditionsHold ({ ifMatch, ifUnmodifiedSince }: Conditions, current: Validators | undefined): boolean {
  if (current === undefined) return ifMatch === undefined
  if (ifMatch !== undefined) return includes(ifMatch, current.etag, 'strong')
  return ifUnmodifiedSince === undefined || seconds(current.uploaded) < ifUnmodifiedSince
}

/** `If-None-Match` and `If-Modified-Since`, whose failure is 304 on reads; the first, holding, hides the second. */
export function cacheConditionsHold ({ ifNoneMatch, ifModifiedSince }: Conditions, current: Validators | undefined): boolean {
  if (current === undefined) return ifModifiedSince === undefined
  if (ifNoneMatch !== undefined) return !includes(ifNoneMatch, current.etag, 'weak')
  return ifModifiedSince === undefined || seconds(current.uploaded) > ifModifiedSince
}

function includes (list: ETagList, etag: string, comparison: 'strong' | 'weak'): boolean {
  return list === '*' || list.some(({ weak, value }) => value === etag && (!weak || comparison === 'weak'))
}

function parseETags (header: string | undefined): ETagList | undefined {
  if (header === undefined) return undefined
  if (header.trim() === '*') return '*'
  const tags = [...header.matchAll(/(W\/)?(?:"([^"]*)"|([^\s",]+))/g)]
  return tags.map(([, weak, quoted, bare]) => ({ weak: weak !== undefined, value: quoted ?? bare ?? '' }))
}

/** A date that cannot be read is no condition, as RFC 7232 says. */
function parseDate (header: string | undefined): number | undefined {
  if (header === undefined) return undefined
  const time = Date.parse(header)
  return Number.isNaN(time) ? undefined : seconds(time)
}

function seconds (milliseconds: number): number {
  return Math.floor(milliseconds / 1000)
}
