/** Copy, its abort, and Rename: request in, response out. */
import { contentHeaders, leaseHeader, metadataHeaders } from './headers.ts'
import type { FileHeaders } from './headers.ts'
import type { Target } from './names.ts'
import { AbortCopyFile, CopyFile, RenameDirectory, RenameFile, TIMEOUTS } from './operations.ts'
import { KEEP_SOURCE_TRAILING_DOT, KEEP_TRAILING_DOT, addressed, quote, readNothing, readWritten, writtenOf } from './wire.ts'
import type { AzureOperation, Written } from './wire.ts'

export type CopyStatus =
  | { status: 'success', copyId: string }
  | { status: 'pending', copyId: string, copied?: number | undefined, total?: number | undefined }
  | { status: 'aborted', copyId: string }
  | { status: 'failed', copyId: string, reason: string }

export interface CopyOptions {
  /** Replaces the source's; without it the source's metadata is copied. */
  metadata?: Record<string, string> | undefined
  /** Of the destination. */
  leaseId?: string | undefined
}

export type CopyStarted = Written & { copyId: string, status: string }

/** From a file of this account, or from a URL that carries its own right to be read. */
export function copyFile (source: Target | URL, target: Target, options: CopyOptions = {}): AzureOperation<CopyStarted> {
  const foreign = source instanceof URL
  return {
    description: CopyFile,
    action: `copy ${foreign ? 'a URL' : quote(source.path)} to ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('file', target),
    ...(foreign ? {} : { source: { header: 'x-ms-copy-source', target: source } }),
    headers: {
      ...KEEP_TRAILING_DOT,
      ...KEEP_SOURCE_TRAILING_DOT,
      ...(foreign ? { 'x-ms-copy-source': source.href } : {}),
      ...metadataHeaders(options.metadata ?? {}),
      ...leaseHeader(options.leaseId)
    },
    timeouts: TIMEOUTS.write,
    read: async response => {
      await readNothing(response)
      const { headers } = response
      return { ...writtenOf(headers), copyId: headers['x-ms-copy-id'] ?? '', status: headers['x-ms-copy-status'] ?? '' }
    }
  }
}

/** Leaves an empty file with the metadata. */
export function abortCopyFile (target: Target, copyId: string, options: { leaseId?: string | undefined } = {}): AzureOperation<void> {
  return {
    description: AbortCopyFile,
    action: `abort the copy to ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('file', target),
    query: [['comp', 'copy'], ['copyid', copyId]],
    headers: { ...KEEP_TRAILING_DOT, 'x-ms-copy-action': 'abort', ...leaseHeader(options.leaseId) },
    timeouts: TIMEOUTS.smallRead,
    read: readNothing
  }
}

export interface RenameOptions extends Pick<FileHeaders, 'contentType' | 'metadata'> {
  /** Whether a file that has the new name already is replaced. Default false: then that is a `ConflictError`. */
  replace?: boolean | undefined
  /** Replaces a read-only file too; only together with `replace`. */
  ignoreReadOnly?: boolean | undefined
  /** Of the file that is renamed. */
  sourceLeaseId?: string | undefined
  /** Of the file that is replaced. */
  destinationLeaseId?: string | undefined
}

/** One call on the server, within one share. */
export function rename (kind: 'file' | 'directory', source: Target, target: Target, options: RenameOptions = {}): AzureOperation<Written> {
  const { replace = false, ignoreReadOnly = false, sourceLeaseId, destinationLeaseId } = options
  return {
    description: kind === 'file' ? RenameFile : RenameDirectory,
    action: `rename ${quote(source.path)} to ${quote(target.path)}`,
    method: 'PUT',
    ...addressed(kind, target),
    query: kind === 'file' ? [['comp', 'rename']] : [['restype', 'directory'], ['comp', 'rename']],
    source: { header: 'x-ms-file-rename-source', target: source },
    headers: {
      ...KEEP_TRAILING_DOT,
      ...KEEP_SOURCE_TRAILING_DOT,
      'x-ms-file-rename-replace-if-exists': String(replace),
      ...(ignoreReadOnly ? { 'x-ms-file-rename-ignore-readonly': 'true' } : {}),
      ...(sourceLeaseId === undefined ? {} : { 'x-ms-source-lease-id': sourceLeaseId }),
      ...(destinationLeaseId === undefined ? {} : { 'x-ms-destination-lease-id': destinationLeaseId }),
      ...contentHeaders(options.contentType === undefined ? {} : { contentType: options.contentType }),
      ...metadataHeaders(options.metadata ?? {})
    },
    timeouts: TIMEOUTS.write,
    read: readWritten
  }
}
