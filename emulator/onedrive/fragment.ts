/** What a fragment says of itself, and whether it is the one that comes next. */
import { errorForStatus, invalidRange, invalidRequest } from './errors.ts'
import type { Incoming } from './incoming.ts'
import { FRAGMENT_UNIT } from './limits.ts'
import type { OneDriveQuirks } from './quirks.ts'
import type { Session } from './sessions.ts'

/** Bytes `first` to `last`, inclusive, of `total`. */
export interface Fragment {
  first: number
  last: number
  total: number
  length: number
  /** No multiple of 320 KiB, and not the last. */
  unaligned: boolean
}

/** @throws {GraphError} 400, 413, 416 */
export function parseFragment (incoming: Incoming, session: Session, quirks: OneDriveQuirks): Fragment {
  const { contentLength } = incoming
  if (contentLength === undefined) throw invalidRequest('The size of the provided stream is not known. Make sure the request is not chunked and has a Content-Length.')
  const fragment = parseContentRange(incoming.head.headers['content-range'])
  if (fragment.length !== contentLength) {
    throw invalidRequest(`Content-Range header length does not match the Content-Length: ${fragment.length} and ${contentLength}`)
  }
  checkTotal(fragment, session, quirks)
  if (fragment.length > quirks.maxFragmentSize) throw invalidRequest('The fragment is larger than the maximum size.', 'maxFragmentLengthExceeded')
  checkOrder(fragment, session)
  if (fragment.unaligned && quirks.unalignedFragments === 'refuse') {
    throw invalidRequest(`The size of every fragment but the last must be a multiple of ${FRAGMENT_UNIT} bytes: received ${fragment.length}`)
  }
  return fragment
}

function parseContentRange (header: string | undefined): Fragment {
  if (header === undefined) throw invalidRequest('The Content-Range header is missing.')
  if (/^bytes \d+-\d+\/\*$/.test(header)) throw invalidRequest('Content-Range must include a total length')
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(header)
  if (match === null) throw invalidRequest('The Content-Range header is not valid.')
  const [first, last, total] = [Number(match[1]), Number(match[2]), Number(match[3])]
  if (last < first || last >= total) throw invalidRequest('The Content-Range header is not valid.')
  const length = last - first + 1
  return { first, last, total, length, unaligned: last + 1 < total && length % FRAGMENT_UNIT !== 0 }
}

function checkTotal ({ total }: Fragment, session: Session, quirks: OneDriveQuirks): void {
  if (total > quirks.maxFileSize) throw errorForStatus(413, 'invalidRequest/maxFileSizeExceeded')
  if (session.total !== undefined && session.total !== total) {
    throw invalidRequest(`The total size must be that of the first fragment, ${session.total}: received ${total}`, 'fragmentLengthMismatch')
  }
}

/** @throws {GraphError} 416 for bytes that are there already, and for a gap */
export function checkOrder ({ first }: Pick<Fragment, 'first'>, { received }: Session): void {
  if (first < received) throw invalidRange('The uploaded fragment overlaps with data that has already been received.', 'fragmentOverlap')
  if (first > received) throw invalidRange('The uploaded fragment is not contiguous with what has been received.', 'fragmentOutOfOrder')
}
