/** The operations of Azure Files by name, with what spans and log lines call them. Span names: specification 7.1. */
import type { OperationDescription } from '../../lib/http/call.ts'
import { operationNames } from '../../lib/http/operation-names.ts'
import type { OperationWords } from '../../lib/http/operation-names.ts'
import type { Timeouts } from '../../lib/http/exchange.ts'

const named = operationNames('azure_files')

function describe (name: string, span: string, words: OperationWords): OperationDescription {
  return named(name, words, span)
}

export const CreateFile = describe('CreateFile', 'create', { begin: 'Creating file', end: 'File created', missing: 'Parent not found for file', failed: 'Failed to create file' })
export const GetFile = describe('GetFile', 'read', { begin: 'Reading file', end: 'File read', missing: 'File not found for reading', failed: 'Failed to read file' })
export const GetRange = describe('GetFile', 'read', { begin: 'Reading range', end: 'Range read', missing: 'File not found for reading', failed: 'Failed to read range', piece: true })
export const GetFileProperties = describe('GetFileProperties', 'get_properties', { begin: 'Reading file properties', end: 'File properties read', missing: 'File not found', failed: 'Failed to read file properties' })
export const SetFileProperties = describe('SetFileProperties', 'set_properties', { begin: 'Setting file properties', end: 'File properties set', missing: 'File not found for properties', failed: 'Failed to set file properties' })
export const SetFileMetadata = describe('SetFileMetadata', 'set_metadata', { begin: 'Setting metadata', end: 'Metadata set', missing: 'File not found for metadata', failed: 'Failed to set metadata' })
export const DeleteFile = describe('DeleteFile', 'delete', { begin: 'Deleting file', end: 'File deleted', missing: 'File not found for deletion', failed: 'Failed to delete file' })
export const PutRange = describe('PutRange', 'write', { begin: 'Writing range', end: 'Range written', missing: 'File not found for writing', failed: 'Failed to write range', piece: true })
export const ClearRange = describe('ClearRange', 'write', { begin: 'Clearing range', end: 'Range cleared', missing: 'File not found for clearing', failed: 'Failed to clear range' })
export const ListRanges = describe('ListRanges', 'list', { begin: 'Listing ranges', end: 'Ranges listed', missing: 'File not found for ranges', failed: 'Failed to list ranges' })
export const CopyFile = describe('CopyFile', 'copy', { begin: 'Copying file', end: 'Copy accepted', missing: 'Source or parent not found for copy', failed: 'Failed to copy file' })
export const AbortCopyFile = describe('AbortCopyFile', 'copy', { begin: 'Aborting copy', end: 'Copy aborted', missing: 'File not found for abort of copy', failed: 'Failed to abort copy' })
export const RenameFile = describe('RenameFile', 'rename', { begin: 'Renaming file', end: 'File renamed', missing: 'File or parent not found for rename', failed: 'Failed to rename file' })
export const RenameDirectory = describe('RenameDirectory', 'rename', { begin: 'Renaming directory', end: 'Directory renamed', missing: 'Directory or parent not found for rename', failed: 'Failed to rename directory' })
export const CreateDirectory = describe('CreateDirectory', 'create', { begin: 'Creating directory', end: 'Directory created', missing: 'Parent not found for directory', failed: 'Failed to create directory' })
export const DeleteDirectory = describe('DeleteDirectory', 'delete', { begin: 'Deleting directory', end: 'Directory deleted', missing: 'Directory not found for deletion', failed: 'Failed to delete directory' })
export const GetDirectoryProperties = describe('GetDirectoryProperties', 'get_properties', { begin: 'Reading directory properties', end: 'Directory properties read', missing: 'Directory not found', failed: 'Failed to read directory properties' })
export const SetDirectoryMetadata = describe('SetDirectoryMetadata', 'set_metadata', { begin: 'Setting metadata', end: 'Metadata set', missing: 'Directory not found for metadata', failed: 'Failed to set metadata' })
export const ListDirectory = describe('ListDirectoriesAndFiles', 'list', { begin: 'Listing directory', end: 'Directory listed', missing: 'Directory not found for listing', failed: 'Failed to list directory', piece: true })
export const ListShares = describe('ListShares', 'list', { begin: 'Listing shares', end: 'Shares listed', missing: 'Account not found for listing', failed: 'Failed to list shares', piece: true })
export const GetShareProperties = describe('GetShareProperties', 'get_properties', { begin: 'Reading share properties', end: 'Share properties read', missing: 'Share not found', failed: 'Failed to read share properties' })
export const LeaseFile = describe('LeaseFile', 'lease', { begin: 'Changing lease', end: 'Lease changed', missing: 'File not found for lease', failed: 'Failed to change lease' })
export const LeaseShare = describe('LeaseShare', 'lease', { begin: 'Changing lease', end: 'Lease changed', missing: 'Share not found for lease', failed: 'Failed to change lease' })
export const GetUserDelegationKey = describe('GetUserDelegationKey', 'get_user_delegation_key', { begin: 'Requesting user delegation key', end: 'User delegation key received', missing: 'Account not found', failed: 'Failed to get user delegation key' })

/** Specification 6.3; each is the time of one attempt to the headers of its answer. */
export const TIMEOUTS = {
  smallRead: { operationMs: 30_000, headersMs: 30_000 },
  largeRead: { operationMs: 300_000 },
  write: { operationMs: 300_000 },
  directory: { operationMs: 30_000, headersMs: 30_000 },
  lease: { operationMs: 10_000, headersMs: 10_000 }
} satisfies Record<string, Partial<Timeouts>>
