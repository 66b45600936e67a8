/** Finds out which operation a request is, by method, level, `restype`, `comp` and a few headers; nothing stored is looked at. */
import type { RequestHead } from '../service.ts'
import { azureError, type AzureError, invalidQuery } from './errors.ts'
import { decodeLoosely } from './names.ts'
import { Query } from './query.ts'

export type ServiceOperation = 'ListShares' | 'GetFileServiceProperties' | 'SetFileServiceProperties' | 'GetUserDelegationKey'

export type ShareOperation =
  | 'CreateShare' | 'GetShareProperties' | 'SetShareProperties' | 'GetShareMetadata' | 'SetShareMetadata' | 'GetShareAcl' | 'SetShareAcl'
  | 'GetShareStats' | 'SnapshotShare' | 'DeleteShare' | 'LeaseShare' | 'CreatePermission' | 'GetPermission'

export type DirectoryOperation =
  | 'CreateDirectory' | 'GetDirectoryProperties' | 'SetDirectoryProperties' | 'GetDirectoryMetadata' | 'SetDirectoryMetadata'
  | 'DeleteDirectory' | 'ListDirectoriesAndFiles' | 'RenameDirectory'

export type FileOperation =
  | 'CreateFile' | 'GetFile' | 'GetFileProperties' | 'SetFileProperties' | 'GetFileMetadata' | 'SetFileMetadata' | 'DeleteFile'
  | 'PutRange' | 'ClearRange' | 'PutRangeFromUrl' | 'ListRanges' | 'CopyFile' | 'AbortCopyFile' | 'RenameFile' | 'LeaseFile'

export type HandleOperation = 'ListHandles' | 'ForceCloseHandles'

export type Operation = ServiceOperation | ShareOperation | DirectoryOperation | FileOperation | HandleOperation

export type Level = 'service' | 'share' | 'directory' | 'file'

/** A request that was placed: what it wants and of what, or the error that its route gives. */
export interface Route {
  /** For the log and for faults. */
  name: string
  level: Level
  share: string
  /** As sent, percent-encoded, without a slash at its start; '' for the root directory. */
  path: string
  query: Query
  target: { operation: Operation } | { refusal: AzureError }
}

/** By method, then by `comp`; '' where there is none. HEAD does what GET does. */
type Table = Readonly<Record<string, Readonly<Record<string, Operation>>>>

const SERVICE: Table = {
  GET: { list: 'ListShares', properties: 'GetFileServiceProperties' },
  PUT: { properties: 'SetFileServiceProperties' },
  POST: { userdelegationkey: 'GetUserDelegationKey' }
}

const SHARE: Table = {
  GET: { '': 'GetShareProperties', metadata: 'GetShareMetadata', acl: 'GetShareAcl', stats: 'GetShareStats', filepermission: 'GetPermission' },
  PUT: {
    '': 'CreateShare',
    properties: 'SetShareProperties',
    metadata: 'SetShareMetadata',
    acl: 'SetShareAcl',
    snapshot: 'SnapshotShare',
    lease: 'LeaseShare',
    filepermission: 'CreatePermission'
  },
  DELETE: { '': 'DeleteShare' }
}

const DIRECTORY: Table = {
  GET: { '': 'GetDirectoryProperties', metadata: 'GetDirectoryMetadata', list: 'ListDirectoriesAndFiles', listhandles: 'ListHandles' },
  PUT: {
    '': 'CreateDirectory', properties: 'SetDirectoryProperties', metadata: 'SetDirectoryMetadata', rename: 'RenameDirectory', forceclosehandles: 'ForceCloseHandles'
  },
  DELETE: { '': 'DeleteDirectory' }
}

const FILE: Table = {
  GET: { '': 'GetFile', metadata: 'GetFileMetadata', rangelist: 'ListRanges', listhandles: 'ListHandles' },
  PUT: {
    '': 'CreateFile',
    properties: 'SetFileProperties',
    metadata: 'SetFileMetadata',
    range: 'PutRange',
    copy: 'AbortCopyFile',
    lease: 'LeaseFile',
    rename: 'RenameFile',
    forceclosehandles: 'ForceCloseHandles'
  },
  DELETE: { '': 'DeleteFile' }
}

const TABLES: Readonly<Record<Level, Table>> = { service: SERVICE, share: SHARE, directory: DIRECTORY, file: FILE }
const VERBS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS', 'MERGE'])

export function route (head: RequestHead, accountName: string): Route {
  const query = new Query(head.query)
  const { share, path } = splitTarget(head.path, accountName)
  const level = levelOf(share, path, query)
  const target = place(head, level, query)
  return { name: 'operation' in target ? target.operation : 'Unknown', level, share, path, query, target }
}

/**
 * The account stands first. Where it does not, the path is one that an SDK made for a host of the service's own, whose
 * account is in the host: Microsoft's does so for the destination of a rename, whatever its endpoint looks like.
 */
function splitTarget (sent: string, accountName: string): { share: string, path: string } {
  const prefix = `/${accountName}`
  const rest = sent === prefix || sent.startsWith(`${prefix}/`) ? sent.slice(prefix.length + 1) : sent.slice(1)
  const slash = rest.indexOf('/')
  return slash === -1
    ? { share: decodeLoosely(rest), path: '' }
    : { share: decodeLoosely(rest.slice(0, slash)), path: rest.slice(slash + 1) }
}

function levelOf (share: string, path: string, query: Query): Level {
  if (share === '') return 'service'
  const type = query.get('restype')?.toLowerCase()
  if (path === '') return type === 'share' ? 'share' : 'directory'
  return type === 'directory' ? 'directory' : 'file'
}

function place (head: RequestHead, level: Level, query: Query): Route['target'] {
  if (!VERBS.has(head.method)) return { refusal: azureError('UnsupportedHttpVerb') }
  const comp = query.get('comp')?.toLowerCase() ?? ''
  const operation = TABLES[level][head.method === 'HEAD' ? 'GET' : head.method]?.[comp]
  if (operation !== undefined) return { operation: refine(operation, head) }
  return { refusal: refusalFor(level, comp) }
}

function refusalFor (level: Level, comp: string): AzureError {
  const known = Object.values(TABLES[level]).some(operations => Object.hasOwn(operations, comp))
  if (known) return azureError('UnsupportedHttpVerb')
  return comp === '' ? azureError('InvalidUri') : invalidQuery('comp', comp, 'The comp value is not supported for this resource.')
}

/** Operations that only headers tell apart. */
function refine (operation: Operation, { method, headers }: RequestHead): Operation {
  switch (operation) {
    case 'GetFile': return method === 'HEAD' ? 'GetFileProperties' : 'GetFile'
    case 'CreateFile': return headers['x-ms-copy-source'] === undefined ? 'CreateFile' : 'CopyFile'
    case 'PutRange':
      if (headers['x-ms-copy-source'] !== undefined) return 'PutRangeFromUrl'
      return headers['x-ms-write']?.toLowerCase() === 'clear' ? 'ClearRange' : 'PutRange'
    default: return operation
  }
}
