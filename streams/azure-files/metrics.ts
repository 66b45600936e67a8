import type { Meter, MetricNames } from '../../lib/http/telemetry.ts'

/** Names and labels of specification 7.2. */
export const METRICS: MetricNames = {
  requests: { name: 'azure_files_operations_total', description: 'Operations on Azure Files' },
  duration: { name: 'azure_files_latency_seconds', description: 'Latency of operations on Azure Files', buckets: [0.01, 0.05, 0.1, 0.2, 0.5, 1, 5, 30] },
  bytes: { name: 'azure_files_bytes_total', description: 'Bytes read from and written to Azure Files' },
  errors: { name: 'azure_files_errors_total', description: 'Failed operations on Azure Files' }
}

interface UpDownCounter {
  add (value: number, attributes?: Record<string, string>): void
}

/** OpenTelemetry's name for a gauge that several clients of one process may move. */
interface GaugeMeter extends Meter {
  createUpDownCounter? (name: string, options?: { description?: string }): UpDownCounter
}

/** The gauge of leases that this client holds: up on acquire, down on release, break and loss. */
export function createLeaseGauge (meter: GaugeMeter | undefined): UpDownCounter | undefined {
  return meter?.createUpDownCounter?.('azure_files_active_leases', { description: 'Leases held on files and shares' })
}

export type LeaseGauge = UpDownCounter | undefined
