/** The host behind download URLs. */
import type { Answer } from '../service.ts'
import { refuseAuthorization } from './capability.ts'
import type { Context } from './call.ts'
import type { Ticket } from './download-tickets.ts'
import type { Drive } from './drive.ts'
import { eTagOf } from './etags.ts'
import { errorForStatus, GraphError, itemNotFound, unauthenticated } from './errors.ts'
import type { Incoming } from './incoming.ts'
import { isInfected } from './item-json.ts'
import { mimeTypeOf } from './mime.ts'
import type { Flavour } from './quirks.ts'
import { currentVersion, type FileItem, pathOf, type Version } from './tree.ts'

/** Bytes `start` to `end`, exclusive. */
interface Span {
  start: number
  end: number
}

interface Download {
  drive: Drive
  file: FileItem
  version: Version
}

export async function serveDownload (context: Context, incoming: Incoming): Promise<Answer> {
  const { head } = incoming
  refuseAuthorization(context, head)
  if (head.method !== 'GET' && head.method !== 'HEAD') throw new GraphError(405, 'invalidRequest', 'The HTTP method is not allowed for this resource.')
  const ticket = context.tickets.open(head.query, incoming.now())
  if (ticket === undefined) throw expired(context)
  const download = findFile(context, ticket)
  if (isInfected(context, download.file)) throw infected()
  const span = requestedSpan(context, ticket, head.headers['range'], download)
  context.tickets.count(ticket, 1, 0)
  return answer(context, ticket, download, span)
}

function answer ({ contents, tickets }: Context, ticket: Ticket, { drive, file, version }: Download, span: Span | undefined): Answer {
  const { content } = version
  const { start, end } = span ?? { start: 0, end: content.size }
  contents.retain(content)
  return {
    status: span === undefined ? 200 : 206,
    headers: {
      'Content-Type': mimeTypeOf(file.name),
      'Content-Length': String(end - start),
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
      'Accept-Ranges': 'bytes',
      ETag: drive.flavour === 'business' ? eTagOf(file, 'business') : `"${eTagOf(file, 'personal')}"`,
      'Last-Modified': new Date(version.modified).toUTCString(),
      ...(span === undefined ? {} : { 'Content-Range': `bytes ${start}-${end - 1}/${content.size}` })
    },
    done: [{ operation: 'DownloadContent', key: pathOf(file) }],
    body: counted(contents.read(content, start, end), bytes => tickets.count(ticket, 0, bytes)),
    finish: () => contents.release(content)
  }
}

/** What the file is now, whatever it was when the URL was given out. */
function findFile ({ drives }: Context, ticket: Ticket): Download {
  const drive = drives.byId(ticket.driveId)
  const file = drive?.get(ticket.itemId)
  if (drive === undefined || file?.kind !== 'file') throw itemNotFound()
  const version = ticket.version === undefined ? currentVersion(file) : file.versions.find(({ number }) => number === ticket.version)
  if (version === undefined) throw itemNotFound()
  return { drive, file, version }
}

function expired ({ quirks }: Context): GraphError {
  const status = quirks.expiredDownload
  return status === 401 ? unauthenticated('The caller is not authenticated.', 'expiredToken') : errorForStatus(status, status === 410 ? 'itemNotFound' : undefined)
}

function infected (): GraphError {
  return new GraphError(403, 'malwareDetected', 'Malware detected', { headers: { 'X-Virus-Infected': 'EICAR_Test_File' } })
}

function requestedSpan ({ quirks }: Context, ticket: Ticket, range: string | undefined, { drive, version }: Download): Span | undefined {
  const habit = ticket.version === undefined ? quirks.ranges : quirks.versionRanges
  return range === undefined || habit === 'ignore' ? undefined : parseRange(range, version.content.size, drive.flavour)
}

/** Several ranges, malformed ones and, on personal drives, the last so many bytes are ignored. @throws {GraphError} 416 past the end */
function parseRange (header: string, size: number, flavour: Flavour): Span | undefined {
  const [, first, last, suffix] = /^bytes=(?:(\d+)-(\d+)?|-(\d+))$/.exec(header.trim()) ?? []
  if (suffix !== undefined && flavour === 'business' && size > 0 && Number(suffix) > 0) return { start: Math.max(size - Number(suffix), 0), end: size }
  if (first === undefined || (last !== undefined && Number(last) < Number(first))) return undefined
  const start = Number(first)
  if (start >= size) throw new GraphError(416, 'invalidRange', 'The specified byte range is invalid or unavailable.', { headers: { 'Content-Range': `bytes */${size}` } })
  return { start, end: last === undefined ? size : Math.min(Number(last) + 1, size) }
}

async function * counted (source: AsyncIterable<Buffer>, count: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    count(chunk.length)
    yield chunk
  }
}
