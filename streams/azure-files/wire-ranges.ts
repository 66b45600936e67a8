/** Put Range in its two forms and List Ranges: request in, response out. Offsets are bytes, both ends inside. */
import { formatRange, rangeLength } from '../../lib/bytes/byte-range.ts'
import type { ByteRange } from '../../lib/bytes/byte-range.ts'
import { leaseHeader } from './headers.ts'
import { compareMd5 } from './integrity.ts'
import type { SealedRange } from './integrity.ts'
import type { Target } from './names.ts'
import { ClearRange, ListRanges, PutRange, TIMEOUTS } from './operations.ts'
import { KEEP_TRAILING_DOT, addressed, quote, readNothing, readWritten, readXml, writtenOf } from './wire.ts'
import type { AzureOperation, Written } from './wire.ts'
import { readRecord } from './xml.ts'

interface RangeOptions {
  leaseId?: string | undefined
}

/** The range must lie within the size of the file. */
export function putRange (target: Target, range: ByteRange, sealed: SealedRange, options: RangeOptions = {}): AzureOperation<Written> {
  const action = `write bytes ${range.start}-${range.end} of ${quote(target.path)}`
  return {
    description: PutRange,
    action,
    method: 'PUT',
    ...addressed('file', target, { range: `${range.start}-${range.end}`, size: rangeLength(range) }),
    range,
    query: [['comp', 'range']],
    headers: { ...rangeHeaders('update', range, options), ...sealed.headers },
    body: sealed.body,
    ...(sealed.version === undefined ? {} : { version: sealed.version }),
    timeouts: TIMEOUTS.write,
    read: async response => {
      await readNothing(response)
      compareMd5(sealed, response.headers['content-md5'], action)
      return writtenOf(response.headers)
    }
  }
}

/** Of any length; frees whole 512-byte pieces and writes zeros at the edges. */
export function clearRange (target: Target, range: ByteRange, options: RangeOptions = {}): AzureOperation<Written> {
  return {
    description: ClearRange,
    action: `clear bytes ${range.start}-${range.end} of ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('file', target, { range: `${range.start}-${range.end}` }),
    range,
    query: [['comp', 'range']],
    headers: rangeHeaders('clear', range, options),
    timeouts: TIMEOUTS.write,
    read: readWritten
  }
}

function rangeHeaders (write: 'update' | 'clear', range: ByteRange, { leaseId }: RangeOptions): Record<string, string> {
  return { ...KEEP_TRAILING_DOT, 'x-ms-write': write, 'x-ms-range': formatRange(range), ...leaseHeader(leaseId) }
}

export interface RangeList {
  /** What is written; all between reads as zeros. In order, both ends inside. */
  ranges: ByteRange[]
  /** Bytes of the file. */
  size: number
  etag: string
}

/** Of a very fragmented file ask for one window after another: the service has 30 s. */
export function listRanges (target: Target, options: RangeOptions & { range?: ByteRange | undefined } = {}): AzureOperation<RangeList> {
  const action = `list the ranges of ${quote(target.path)}`
  const { range } = options
  return {
    description: ListRanges,
    action,
    method: 'GET',
    ...addressed('file', target),
    ...(range === undefined ? {} : { range }),
    query: [['comp', 'rangelist']],
    headers: { ...KEEP_TRAILING_DOT, ...(range === undefined ? {} : { 'x-ms-range': formatRange(range) }), ...leaseHeader(options.leaseId) },
    timeouts: TIMEOUTS.smallRead,
    read: async response => {
      const document = await readXml(response, 'Ranges', action, ListRanges.name)
      return { ranges: document.raw('Range').map(readRange), size: Number(response.headers['x-ms-content-length']), etag: writtenOf(response.headers).etag }
    }
  }
}

function readRange (raw: string): ByteRange {
  const { Start, End } = readRecord(raw)
  return { start: Number(Start), end: Number(End) }
}
