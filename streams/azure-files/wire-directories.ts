/** Directories and their listings: request in, response out. */
import { metadataHeaders, readMetadata } from './headers.ts'
import { joinPath } from './names.ts'
import type { Target } from './names.ts'
import { CreateDirectory, DeleteDirectory, GetDirectoryProperties, ListDirectory, SetDirectoryMetadata, TIMEOUTS } from './operations.ts'
import { KEEP_TRAILING_DOT, addressed, normalizeEtag, quote, readDate, readNothing, readWritten, readXml, writtenOf } from './wire.ts'
import type { AzureOperation, Page, Written } from './wire.ts'
import { readEntries } from './xml.ts'
import type { Entry } from './xml.ts'

export interface DirectoryProperties extends Target, Written {
  metadata: Record<string, string>
  fileId: string | undefined
  attributes: string | undefined
  createdAt: Date | undefined
  changedAt: Date | undefined
}

const DIRECTORY = ['restype', 'directory'] as const

/** One level: the parent must exist. */
export function createDirectory (target: Target, metadata: Record<string, string> = {}): AzureOperation<Written> {
  return {
    description: CreateDirectory,
    action: `create directory ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('directory', target),
    query: [DIRECTORY],
    headers: { ...KEEP_TRAILING_DOT, ...metadataHeaders(metadata) },
    timeouts: TIMEOUTS.directory,
    read: readWritten
  }
}

/** Only an empty one. */
export function deleteDirectory (target: Target): AzureOperation<void> {
  return {
    description: DeleteDirectory,
    action: `delete directory ${quote(target.path)}`,
    method: 'DELETE',
    ...addressed('directory', target),
    query: [DIRECTORY],
    headers: KEEP_TRAILING_DOT,
    timeouts: TIMEOUTS.directory,
    read: readNothing
  }
}

export function getDirectoryProperties (target: Target): AzureOperation<DirectoryProperties> {
  return {
    description: GetDirectoryProperties,
    action: `get the properties of directory ${quote(target.path)}`,
    method: 'HEAD',
    ...addressed('directory', target),
    query: [DIRECTORY],
    headers: KEEP_TRAILING_DOT,
    timeouts: TIMEOUTS.directory,
    read: async response => {
      await readNothing(response)
      const { headers } = response
      return {
        share: target.share,
        path: target.path,
        ...writtenOf(headers),
        metadata: readMetadata(headers),
        fileId: headers['x-ms-file-id'],
        attributes: headers['x-ms-file-attributes'],
        createdAt: readDate(headers['x-ms-file-creation-time']),
        changedAt: readDate(headers['x-ms-file-change-time'])
      }
    }
  }
}

/** Replaces all metadata. */
export function setDirectoryMetadata (target: Target, metadata: Record<string, string>): AzureOperation<Written> {
  return {
    description: SetDirectoryMetadata,
    action: `set the metadata of directory ${quote(target.path)}`,
    method: 'PUT',
    ...addressed('directory', target),
    query: [DIRECTORY, ['comp', 'metadata']],
    headers: { ...KEEP_TRAILING_DOT, ...metadataHeaders(metadata) },
    timeouts: TIMEOUTS.directory,
    read: readWritten
  }
}

interface ListedEntry {
  name: string
  /** From the root of the share. */
  path: string
  etag: string
  lastModified: Date | undefined
  fileId: string | undefined
  /** `Archive`, `Archive | Temporary`, `Directory`. */
  attributes: string | undefined
  createdAt: Date | undefined
  lastWrittenAt: Date | undefined
  changedAt: Date | undefined
}

/** One entry of a listing. */
export type DirectoryEntry =
  | ListedEntry & { type: 'file', size: number }
  | ListedEntry & { type: 'directory' }

export interface ListOptions {
  /** Of the names in this one directory. */
  prefix?: string | undefined
  /** Entries a page, 1 to 5,000. */
  pageSize?: number | undefined
}

export interface DirectoryPage extends Page<DirectoryEntry, string> {
  /** By the clock of the service. */
  listedAt: Date | undefined
}

/** One level, files and directories in one sorted list. */
export function listDirectory (target: Target, options: ListOptions = {}, marker?: string): AzureOperation<DirectoryPage> {
  const action = `list directory ${quote(target.path)}`
  const query: Array<readonly [string, string]> = [DIRECTORY, ['comp', 'list'], ['include', 'Timestamps,Etag,Attributes']]
  // An empty parameter would be sent but not signed.
  if (options.prefix !== undefined && options.prefix !== '') query.push(['prefix', options.prefix])
  if (options.pageSize !== undefined) query.push(['maxresults', String(options.pageSize)])
  if (marker !== undefined && marker !== '') query.push(['marker', marker])
  return {
    description: ListDirectory,
    action,
    method: 'GET',
    ...addressed('directory', target),
    query,
    headers: { ...KEEP_TRAILING_DOT, 'x-ms-file-extended-info': 'true' },
    timeouts: TIMEOUTS.directory,
    read: async response => {
      const { values, raw } = await readXml(response, 'EnumerationResults', action, ListDirectory.name)
      const entries = readEntries(raw('Entries')).map(entry => readEntry(target, entry))
      return { entries, next: nextMarker(values), listedAt: readDate(response.headers['date']) }
    }
  }
}

export function nextMarker (values: Record<string, string>): string | undefined {
  return values['NextMarker'] === '' ? undefined : values['NextMarker']
}

function readEntry (directory: Target, { kind, values }: Entry): DirectoryEntry {
  const name = values['Name'] ?? ''
  const entry: ListedEntry = {
    name,
    path: joinPath(directory.path, name),
    etag: normalizeEtag(values['Etag'] ?? ''),
    lastModified: readDate(values['Last-Modified']),
    fileId: values['FileId'],
    attributes: values['Attributes'],
    createdAt: readDate(values['CreationTime']),
    lastWrittenAt: readDate(values['LastWriteTime']),
    changedAt: readDate(values['ChangeTime'])
  }
  return kind === 'File' ? { type: 'file', size: Number(values['Content-Length'] ?? NaN), ...entry } : { type: 'directory', ...entry }
}
