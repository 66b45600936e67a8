import type { Entry } from './record.ts'
import type { Results } from './results.ts'

/** All tables as a page to be read, with the targets below each bench. */
export function toMarkdown ({ machine, node, versions, benches }: Results): string {
  const parts = [
    '# What the benches found', '',
    `Written by \`npm run bench\` on ${machine}, Node ${node}. ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}.`, '',
    '![Rates of transfers](throughput.svg)', '', '![Memory over time](memory.svg)', ''
  ]
  for (const [name, { date, seconds, args, entries }] of Object.entries(benches)) {
    parts.push(`## ${name}`, '', `${date.slice(0, 10)}, ${seconds} s, \`node dist/bench/${[`${name}.js`, ...args].join(' ')}\``, '')
    for (const entry of entries) parts.push(...tableOf(entry))
    const targets = entries.flatMap(entry => entry.kind === 'target' ? [`| ${escape(entry.what)} | ${entry.reach} | ${entry.found} | ${entry.holds ? '✓' : '✗'} |`] : [])
    if (targets.length > 0) parts.push('| Target | Reach | Found | |', '| --- | --: | --: | --- |', ...targets, '')
  }
  return `${parts.join('\n')}\n`
}

function tableOf (entry: Entry): string[] {
  if (entry.kind !== 'table') return []
  const { question, columns, rows } = entry
  const numeric = columns.map((_, column) => rows.some(row => typeof row[column] === 'number'))
  const cell = (value: string | number | null, digits = 0): string =>
    value === null ? '–' : typeof value === 'string' ? escape(value) : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
  return [
    `**${escape(question)}**`, '',
    `| ${columns.map(({ name, unit }) => escape(unit === undefined ? name : `${name}, ${unit}`)).join(' | ')} |`,
    `| ${numeric.map(isNumber => isNumber ? '--:' : '---').join(' | ')} |`,
    ...rows.map(row => `| ${columns.map(({ digits }, column) => cell(row[column] ?? null, digits)).join(' | ')} |`), ''
  ]
}

function escape (text: string): string {
  return text.replaceAll('|', '\\|')
}
