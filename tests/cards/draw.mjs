// Renders every picture of the gallery like Slack and Teams, light and dark, at the width of a phone. Checks texts and links,
// never pixels. With a directory it also takes the pictures of the README. Usage: node draw.mjs GALLERY.json OUT.png [DIRECTORY]
import { readFileSync, mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";

const require = createRequire(import.meta.url);
const { Message } = require("slack-blocks-to-jsx");
const root = join(dirname(require.resolve("playwright-core/package.json")), "..");
const dist = (path) => readFileSync(join(root, path), "utf8");
const hostConfig = (theme) => JSON.parse(dist(`adaptivecards-designer/lib/hostConfigs/microsoft-teams-${theme}.json`));

/// The only allowed target of links in the gallery.
const OURS = "https://crm.example.com/";
const THEMES = ["light", "dark"];

/// The README's pictures: file, picture of the gallery, chat.
const README = [
  ["slack-ring.png", "ringing", "slack"],
  ["teams-missed.png", "missed", "teams"],
  ["live-message.png", "live-ended", "slack"],
  ["recap.png", "recap", "slack"],
  ["app-missed.png", "app-missed", "slack"],
  ["app-claimed.png", "app-claimed", "slack"],
  ["app-called-back.png", "app-called-back", "slack"],
  ["teams-live.png", "live-ended", "teams"],
];

const [galleryPath, outPath, readmeDir] = process.argv.slice(2);
const gallery = JSON.parse(readFileSync(galleryPath, "utf8"));

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
/// Renders the text of a message: Slack decodes three entities and `<url|label>`.
const slackText = (text) => text.replace(/<(https:[^|>]*)\|([^>]*)>/g, '<a href="$1">$2</a>').replace(/\n/g, "<br>");

/// The members that the gallery names.
const MEMBERS = { U0DANA: "Dana Roy" };

/// Adapts `verbatim` to the renderer, which treats it as "no markup" and otherwise parses Markdown even in plain_text. In
/// Slack plain_text has no markup, and `verbatim` only prevents automatic links in mrkdwn.
const asSlackReads = (blocks) => JSON.parse(JSON.stringify(blocks, (_, value) => {
  if (value?.type === "plain_text") return { ...value, verbatim: true };
  if (value?.type === "mrkdwn") {
    const text = value.text.replace(/<@(\w+)>/g, (_, id) => `@${MEMBERS[id] ?? id}`);
    return { ...value, text, verbatim: false };
  }
  return value;
}));

function slackHtml(payload, theme) {
  if (!payload.blocks) return `<div class="plain">${slackText(payload.text)}</div>`;
  return renderToStaticMarkup(
    createElement(Message, { blocks: asSlackReads(payload.blocks), logo: "", name: "poprelay", theme, withoutWrapper: true }),
  );
}

const cell = (chat, theme, index, inner) =>
  `<div class="cell ${chat} ${theme}" data-chat="${chat}" data-theme="${theme}" data-index="${index}">${inner}</div>`;

const rows = gallery.map((picture, index) =>
  `<h2>${escaped(picture.name)}</h2><div class="row">` +
  THEMES.map((theme) => cell("slack", theme, index, slackHtml(picture.slack, theme))).join("") +
  THEMES.map((theme) => cell("teams", theme, index, "")).join("") + "</div>").join("");

const page = `<!doctype html><meta charset="utf-8"><style>${dist("slack-blocks-to-jsx/dist/style.css")}
body { margin: 12px; background: #8a8f98; font-family: Lato, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; width: max-content; }
/* Both renderers name fonts of their own: without this rule the pictures differ between machines. */
body .row .cell * { font-family: inherit !important; }
h2 { margin: 10px 0 3px; font-size: 12px; color: #fff; font-weight: normal; }
.row { display: flex; gap: 8px; align-items: flex-start; }
.cell { width: 340px; padding: 8px 10px; border-radius: 8px; overflow-wrap: anywhere; font-size: 15px; line-height: 1.4; box-sizing: border-box; }
.slack.light { background: #fff; color: #1d1c1d; } .slack.dark { background: #1a1d21; color: #d1d2d3; }
.teams.light { background: #fff; color: #242424; } .teams.dark { background: #292929; color: #fff; }
.cell.teams { padding: 0; overflow: hidden; } .slack.dark a, .teams.dark a { color: #1d9bd1; } .teams button { font: inherit; font-size: 13px; border: 1px solid #888; border-radius: 4px;
background: none; color: inherit; padding: 4px 12px; }
</style><body>${rows}</body>`;

/// Runs in the page: renders each Teams card into its cell and returns the URLs of its actions.
function drawTeams({ gallery, configs }) {
  const markdown = window.markdownit();
  AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
    result.outputHtml = markdown.render(text);
    result.didProcess = true;
  };
  const actions = [];
  for (const cell of document.querySelectorAll(".cell.teams")) {
    const card = new AdaptiveCards.AdaptiveCard();
    card.hostConfig = new AdaptiveCards.HostConfig(configs[cell.dataset.theme]);
    card.parse(gallery[cell.dataset.index].teams.attachments[0].content);
    cell.append(card.render());
    actions.push(...card.getAllActions().map((action) => action.url));
  }
  return actions;
}

/// Runs in the page: returns text and links of each cell, and whether its content is too wide.
function read() {
  return [...document.querySelectorAll(".cell")].map((cell) => ({
    chat: cell.dataset.chat,
    theme: cell.dataset.theme,
    index: Number(cell.dataset.index),
    text: cell.innerText.replace(/\s+/g, " "),
    links: [...cell.querySelectorAll("a[href], area[href], form[action]")].map((a) => a.getAttribute("href") ?? "form"),
    foreign: cell.querySelectorAll("img[src], script, iframe, object, embed, style, link").length,
    wide: cell.scrollWidth > cell.clientWidth + 1,
  }));
}

const faults = [];
const profile = mkdtempSync(join(tmpdir(), "cards-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: { width: 1420, height: 800 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const tab = await browser.newPage();
  tab.on("request", (request) => {
    if (/^(https?|wss?):/.test(request.url())) faults.push(`the page requested ${request.url()}`);
  });
  tab.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  await tab.setContent(page);
  await tab.addScriptTag({ content: dist("adaptivecards/dist/adaptivecards.js") });
  await tab.addScriptTag({ content: dist("markdown-it/dist/markdown-it.min.js") });
  const configs = { light: hostConfig("light"), dark: hostConfig("dark") };
  const actions = await tab.evaluate(drawTeams, { gallery, configs });
  const cells = await tab.evaluate(read);
  for (const url of actions) if (!url.startsWith(OURS)) faults.push(`a button opens ${url}`);
  for (const { chat, theme, index, text, links, foreign, wide } of cells) {
    const where = `${gallery[index].name} (${chat}, ${theme})`;
    const parts = [...gallery[index].texts, ...(chat === "slack" ? gallery[index].appTexts : [])];
    for (const part of parts) if (!text.includes(part)) faults.push(`${where} lacks “${part}”: ${text}`);
    for (const link of links) if (!link.startsWith(OURS)) faults.push(`${where} links to ${link}`);
    if (foreign > 0) faults.push(`${where} loads external content`);
    if (wide) faults.push(`${where} is wider than a phone`);
  }
  if (cells.length !== gallery.length * 4) faults.push(`${cells.length} cells for ${gallery.length} pictures`);
  if (!cells.some((cell) => cell.chat === "slack" && cell.links.length > 0)) faults.push("no link is rendered for Slack");
  if (actions.length === 0) faults.push("no button is rendered for Teams");
  await tab.screenshot({ path: outPath, fullPage: true });
  for (const [file, name, chat] of readmeDir ? README : []) {
    const index = gallery.findIndex((picture) => picture.name === name);
    if (index < 0) throw new Error(`the gallery has no picture ${name} for ${file}`);
    await tab.locator(`.cell.${chat}.light[data-index="${index}"]`).screenshot({ path: join(readmeDir, file) });
  }
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
for (const fault of faults) console.error(fault);
console.log(`${gallery.length} cards rendered for Slack and Teams, light and dark: ${outPath}; ${faults.length} faults`);
process.exitCode = faults.length === 0 ? 0 : 1;
