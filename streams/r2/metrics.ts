import type { MetricNames } from '../../lib/http/telemetry.ts'

/** Names, help texts, labels and buckets of R2A 5.3. */
export const METRICS: MetricNames = {
  requests: { name: 'r2_requests_total', description: 'Total R2 API requests' },
  duration: { name: 'r2_request_duration_seconds', description: 'R2 request latency', buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 30] },
  bytes: { name: 'r2_bytes_transferred_total', description: 'Bytes transferred to/from R2' },
  errors: { name: 'r2_errors_total', description: 'Failed R2 API requests' }
}

export const PARTS_METRIC = { name: 'r2_multipart_parts_total', description: 'Parts of multipart uploads, by bucket and status' }
