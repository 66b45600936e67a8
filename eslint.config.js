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
      // The compiler refuses what is really declared twice; a class made by a function has its type beside it, under one name.
      'no-redeclare': 'off',
      '@typescript-eslint/no-redeclare': 'off',
      '@typescript-eslint/no-use-before-define': ['error', { functions: false, classes: false, variables: false, typedefs: false }]
    }
  },
  { rules: { 'no-void': ['error', { allowAsStatement: true }] } },
  {
    // tap awaits its subtests by itself.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off', '@typescript-eslint/no-non-null-assertion': 'off' }
  }
]
