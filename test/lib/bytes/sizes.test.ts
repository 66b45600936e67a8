import t from 'tap'
import { formatSize, GiB, KiB, MiB, TiB } from '../../../lib/bytes/sizes.ts'

t.test('formatSize() writes a size for people', t => {
  t.same([0, 1023, KiB, 10 * MiB, 1.5 * GiB, 5000 * TiB].map(formatSize), ['0 bytes', '1023 bytes', '1.0 KiB', '10.0 MiB', '1.5 GiB', '5000.0 TiB'])
  t.end()
})
