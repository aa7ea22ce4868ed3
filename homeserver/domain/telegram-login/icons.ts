/** Pictures that a login page and the bot show, to find one another. Easy to tell apart, on any system. */

export const icons: readonly string[] = [
  '🐶 🐱 🦁 🐴 🦄 🐷 🐘 🐰 🐼 🐔 🐧 🐢 🐟 🐙 🦋 🌷',
  '🌳 🌵 🍄 🌏 🌙 ⭐ 🔥 🌈 🍌 🍎 🍓 🌽 🍕 🎂 🧀 🍇',
  '🤖 🎩 👓 🔧 🎅 👍 ☂️ ⌛ ⏰ 🎁 💡 📕 ✏️ 📎 ✂️ 🔒',
  '🔑 🔨 ☎️ 🏁 🚂 🚲 ✈️ 🚀 🏆 ⚽ 🎸 🎺 🔔 ⚓ 🎧 📌',
].flatMap((row) => row.split(' '))

/** How many pictures a person is asked to choose from. */
export const CHOICES = 9
