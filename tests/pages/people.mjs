// People: the list by heading, words and time; one person; without JavaScript.
import { expect, open, signIn } from './browser.mjs';

export const PAGES = [
  ['people', '/audit/users'],
  ['people-30d', '/audit/users?range=30d&sort=failed_sign_ins'],
  ['people-tried', '/audit/users?list=tried'],
  ['people-idle', '/audit/users?list=idle&range=30d'],
  ['person', 'FIRST-PERSON'],
];

// The address of the page of whoever used most tokens.
export async function firstPerson(page) {
  await page.goto('/audit/users?sort=tokens');
  return page.locator('table.people tbody th a').first().getAttribute('href');
}

export const tests = { people };

async function people() {
  const page = await open();
  await signIn(page);
  await page.click('nav >> text=People');
  await page.waitForURL('**/audit/users');
  const all = await page.locator('table.people tbody tr').count();
  expect(all > 10, 'people are listed');
  await page.click('thead >> text="Tokens"');
  await page.waitForURL('**sort=tokens**');
  const tokens = (await page.locator('td[data-label="Tokens"]').allTextContents()).map((text) => Number(text.replace(/\D/g, '')));
  expect(tokens.every((count, at) => at === 0 || count <= tokens[at - 1]), 'a heading sorts');
  const events = page.locator('td[data-label="Conversations"] a').first();
  const counted = Number((await events.textContent()).replace(/\D/g, ''));
  await events.click();
  await page.waitForURL('**action=chat.created**');
  const found = Number((await page.locator('#total b').textContent()).replace(/\D/g, ''));
  expect(found === counted, `a number leads to its events: ${counted} and ${found}`);
  await page.goBack();
  await page.keyboard.press('/');
  await page.keyboard.type('engineering');
  await page.keyboard.press('Enter');
  await page.waitForURL('**find=engineering**');
  expect(await page.locator('table.people tbody tr').count() > 0, 'words find people');
  await page.locator('table.people tbody th a').first().click();
  await page.waitForSelector('.heat rect');
  expect(await page.locator('.heat rect').count() === 168, 'a week has 168 hours');
  await page.locator('.histogram a').last().focus();
  expect(await page.locator('.tip:not([hidden])').count() === 1, 'a bar under the focus says what it is');
  await page.context().close();

  const plain = await open({ javaScriptEnabled: false });
  await signIn(plain);
  await plain.goto('/audit/users?range=90d');
  await plain.fill('#find', 'sales');
  await plain.click('form.query button');
  expect(plain.url().includes('find=sales') && plain.url().includes('range=90d'), 'the list works without scripts');
  await plain.context().close();
}
