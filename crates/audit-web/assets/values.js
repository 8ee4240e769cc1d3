// What a field can be completed with, from what was recorded. Each question is a look at the log: what an answer that has
// all there is to say tells already is not asked again.

// One letter says little.
const SHORTEST = 2;
const answers = new Map();

const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

function fits(field, text, { value, name = '' }) {
  if (field !== 'user') return value.toLowerCase().startsWith(text.toLowerCase());
  const named = `${value} ${name}`.toLowerCase();
  return words(text).every((word) => named.includes(word));
}

/// Resolves to `[{ value, name }]`: what begins with `text`; for the field `user`, whoever has its words in the name.
export async function valuesOf(field, text) {
  const known = answers.get(field);
  const isWithin = known?.whole && text.toLowerCase().startsWith(known.text.toLowerCase());
  if (!isWithin && known?.text !== text) {
    if (text && text.length < SHORTEST) return [];
    const answer = await fetch(`/audit/suggestions?${new URLSearchParams({ field, text })}`).catch(() => null);
    if (!answer?.ok) return [];
    answers.set(field, { text, ...await answer.json() });
  }
  return answers.get(field).values.filter((one) => fits(field, text, one));
}
