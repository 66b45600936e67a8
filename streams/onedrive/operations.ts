/** The operations of OneDrive by name, with what spans and log lines call them. */
import { operationNames } from '../../lib/http/operation-names.ts'

const describe = operationNames('onedrive')

export const GetItem = describe('GetItem', { begin: 'Reading item', end: 'Item read', missing: 'Item not found', failed: 'Failed to read item' })
export const ListChildren = describe('ListChildren', { begin: 'Listing children', end: 'Children listed', missing: 'Folder not found for listing', failed: 'Failed to list children', piece: true })
export const ListDelta = describe('ListDelta', { begin: 'Listing changes', end: 'Changes listed', missing: 'Folder not found for changes', failed: 'Failed to list changes', piece: true })
export const Search = describe('Search', { begin: 'Searching', end: 'Search page read', missing: 'Folder not found for search', failed: 'Failed to search', piece: true })
export const CreateFolder = describe('CreateFolder', { begin: 'Creating folder', end: 'Folder created', missing: 'Parent folder not found', failed: 'Failed to create folder' })
/** Where the name is taken the service finds another one, so that a second try would make a second folder. */
export const CreateFolderRenaming = { ...CreateFolder, name: 'CreateFolderRenaming' }
export const UpdateItem = describe('UpdateItem', { begin: 'Updating item', end: 'Item updated', missing: 'Item not found for update', failed: 'Failed to update item' })
export const DeleteItem = describe('DeleteItem', { begin: 'Deleting item', end: 'Item deleted', missing: 'Item not found for deletion', failed: 'Failed to delete item' })
export const PermanentlyDeleteItem = describe('PermanentlyDeleteItem', { begin: 'Deleting item for ever', end: 'Item deleted for ever', missing: 'Item not found for deletion', failed: 'Failed to delete item for ever' })
export const CopyItem = describe('CopyItem', { begin: 'Copying item', end: 'Copy started', missing: 'Item not found for copy', failed: 'Failed to copy item' })
export const GetCopyStatus = describe('GetCopyStatus', { begin: 'Asking for the state of a copy', end: 'State of the copy read', missing: 'Copy not found', failed: 'Failed to read the state of a copy', piece: true })
export const UploadContent = describe('UploadContent', { begin: 'Uploading file', end: 'File uploaded', missing: 'Folder not found for upload', failed: 'Failed to upload file' })
export const DownloadContent = describe('DownloadContent', { begin: 'Downloading file', end: 'File downloaded', missing: 'File not found for download', failed: 'Failed to download file' })
export const CreateUploadSession = describe('CreateUploadSession', { begin: 'Creating upload session', end: 'Upload session created', missing: 'Folder not found for upload session', failed: 'Failed to create upload session' })
export const UploadFragment = describe('UploadFragment', { begin: 'Uploading fragment', end: 'Fragment uploaded', missing: 'Upload session not found for fragment', failed: 'Failed to upload fragment', piece: true })
export const GetUploadSession = describe('GetUploadSession', { begin: 'Reading upload session', end: 'Upload session read', missing: 'Upload session not found', failed: 'Failed to read upload session', piece: true })
export const CancelUploadSession = describe('CancelUploadSession', { begin: 'Cancelling upload session', end: 'Upload session cancelled', missing: 'Upload session not found for cancelling', failed: 'Failed to cancel upload session' })
export const CommitUploadSession = describe('CommitUploadSession', { begin: 'Committing upload session', end: 'Upload session committed', missing: 'Upload session not found for commit', failed: 'Failed to commit upload session' })
export const ListVersions = describe('ListVersions', { begin: 'Listing versions', end: 'Versions listed', missing: 'Item not found for its versions', failed: 'Failed to list versions' })
export const RestoreVersion = describe('RestoreVersion', { begin: 'Restoring version', end: 'Version restored', missing: 'Version not found', failed: 'Failed to restore version' })
export const Batch = describe('Batch', { begin: 'Sending batch', end: 'Batch done', missing: 'Batch not found', failed: 'Failed to run batch', piece: true })
export const GetToken = describe('GetToken', { begin: 'Requesting access token', end: 'Access token received', missing: 'Token endpoint not found', failed: 'Failed to get access token' })
export const GetDeviceCode = describe('GetDeviceCode', { begin: 'Requesting device code', end: 'Device code received', missing: 'Device code endpoint not found', failed: 'Failed to get device code' })

/**
 * What must not be sent twice when nobody knows whether the first was done: a second copy would be made, a fragment that
 * was stored would be refused; the upload session itself asks and goes on.
 */
export const SENT_ONCE: ReadonlySet<string> = new Set([CopyItem.name, UploadFragment.name, CommitUploadSession.name, CreateFolderRenaming.name])

/** Operations whose requests carry bytes of files, and those whose answers do, as the byte counters mean it. */
export const UPLOADING: ReadonlySet<string> = new Set([UploadContent.name, UploadFragment.name])
export const DOWNLOADING: ReadonlySet<string> = new Set([DownloadContent.name])
