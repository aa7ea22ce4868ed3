/** The warm palette as themes of Element: https://github.com/element-hq/element-web/blob/develop/docs/theming.md */

export interface Theme {
  readonly name: string
  readonly is_dark: boolean
  readonly colors: Readonly<Record<string, string | readonly string[]>>
  /** Tokens of Compound, its design system. */
  readonly compound: Readonly<Record<`--cpd-color-${string}`, string>>
}

/** Eight, as Element wants them: for the names and pictures of people. */
const people = ['#9c4a26', '#6c5dac', '#2f6f5e', '#8a5a00', '#a03a5c', '#2f5f93', '#5d6b1f', '#7a4a8a']
const peopleInTheDark = ['#e59570', '#a99be0', '#7fc2ad', '#d9a94a', '#e58fae', '#8db8e6', '#b5c46a', '#c79bd6']

export const light: Theme = {
  name: 'Domovoi Light',
  is_dark: false,
  colors: {
    'accent-color': '#b05730',
    'primary-color': '#9c4a26',
    'warning-color': '#b3261e',
    'sidebar-color': '#e6e2d5',
    'roomlist-background-color': '#f0eee5',
    'roomlist-text-color': '#2b2622',
    'roomlist-text-secondary-color': '#645b53',
    'roomlist-highlights-color': '#e6e2d5',
    'roomlist-separator-color': '#d8d2c2',
    'timeline-background-color': '#faf9f5',
    'timeline-text-color': '#2b2622',
    'timeline-text-secondary-color': '#645b53',
    'timeline-highlights-color': '#f0eee5',
    'username-colors': people,
    'avatar-background-colors': people,
  },
  compound: {
    '--cpd-color-bg-canvas-default': '#faf9f5',
    '--cpd-color-bg-canvas-default-level-1': '#ffffff',
    '--cpd-color-bg-subtle-primary': '#e6e2d5',
    '--cpd-color-bg-subtle-secondary': '#f0eee5',
    '--cpd-color-bg-accent-rest': '#b05730',
    '--cpd-color-bg-accent-hovered': '#9c4a26',
    '--cpd-color-bg-accent-pressed': '#833d1f',
    '--cpd-color-bg-action-primary-rest': '#b05730',
    '--cpd-color-bg-action-primary-hovered': '#9c4a26',
    '--cpd-color-bg-action-primary-pressed': '#833d1f',
    '--cpd-color-text-action-accent': '#9c4a26',
    '--cpd-color-text-link-external': '#63549f',
    '--cpd-color-text-primary': '#2b2622',
    '--cpd-color-text-secondary': '#645b53',
    '--cpd-color-icon-accent-primary': '#b05730',
    '--cpd-color-icon-accent-tertiary': '#b05730',
    '--cpd-color-border-accent-primary': '#b05730',
    '--cpd-color-border-focused': '#6c5dac',
  },
}

export const dark: Theme = {
  name: 'Domovoi Dark',
  is_dark: true,
  colors: {
    'accent-color': '#d97f57',
    'primary-color': '#d97f57',
    'warning-color': '#f2877e',
    'sidebar-color': '#191613',
    'roomlist-background-color': '#211d1a',
    'roomlist-text-color': '#f0eee5',
    'roomlist-text-secondary-color': '#b8ad9f',
    'roomlist-highlights-color': '#2b2622',
    'roomlist-separator-color': '#3a332d',
    'timeline-background-color': '#211d1a',
    'timeline-text-color': '#f0eee5',
    'timeline-text-secondary-color': '#b8ad9f',
    'timeline-highlights-color': '#2b2622',
    'username-colors': peopleInTheDark,
    'avatar-background-colors': people,
  },
  compound: {
    '--cpd-color-bg-canvas-default': '#211d1a',
    '--cpd-color-bg-canvas-default-level-1': '#2b2622',
    '--cpd-color-bg-subtle-primary': '#3a332d',
    '--cpd-color-bg-subtle-secondary': '#2b2622',
    '--cpd-color-bg-accent-rest': '#d97f57',
    '--cpd-color-bg-accent-hovered': '#e59570',
    '--cpd-color-bg-accent-pressed': '#efab8b',
    '--cpd-color-bg-action-primary-rest': '#d97f57',
    '--cpd-color-bg-action-primary-hovered': '#e59570',
    '--cpd-color-bg-action-primary-pressed': '#efab8b',
    '--cpd-color-text-on-solid-primary': '#211d1a',
    '--cpd-color-icon-on-solid-primary': '#211d1a',
    '--cpd-color-text-action-accent': '#e59570',
    '--cpd-color-text-link-external': '#a99be0',
    '--cpd-color-text-primary': '#f0eee5',
    '--cpd-color-text-secondary': '#b8ad9f',
    '--cpd-color-icon-accent-primary': '#d97f57',
    '--cpd-color-border-focused': '#a99be0',
  },
}
