import type { MetricNames } from '../../lib/http/telemetry.ts'

/** Names of ODA 10.3; requests and their duration are ours beside them, in the same style. */
export const METRICS: MetricNames = {
  requests: { name: 'onedrive_requests_total', description: 'Requests to Microsoft Graph' },
  duration: { name: 'onedrive_request_duration_seconds', description: 'Request latency', buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30] },
  bytes: { name: 'onedrive_bytes_downloaded', description: 'Total bytes down' },
  errors: { name: 'onedrive_api_errors_total', description: 'API errors by type' }
}

export const BYTES_UPLOADED = { name: 'onedrive_bytes_uploaded', description: 'Total bytes up' }
export const UPLOADS = { name: 'onedrive_uploads_total', description: 'Files uploaded' }
export const DOWNLOADS = { name: 'onedrive_downloads_total', description: 'Files downloaded' }
/** The document gives no buckets: a small file takes a second, a large one an hour. */
export const UPLOAD_DURATION = { name: 'onedrive_upload_duration_seconds', description: 'Upload latency', buckets: [0.1, 0.5, 1, 5, 30, 60, 300, 3600] }
