import neostandard, { plugins } from 'neostandard'

export default [
  { ignores: ['dist/**', 'dist-*/**', 'coverage/**', '.tap/**'] },
  ...neostandard({ ts: true, noJsx: true }),
  ...plugins['typescript-eslint'].configs.strict.map(config => ({ ...config, files: ['**/*.ts'] })),
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      'no-redeclare': 'off'
    }
  },
  { rules: { 'no-void': ['error', { allowAsStatement: true }] } },
  {
    // tap awaits its subtests by itself.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off', '@typescript-eslint/no-non-null-assertion': 'off' }
  }
]
