// A person in front of the page: node browse.mjs CHROMIUM FOLDER SCENARIO URL. Prints one JSON object of what was seen.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [, , program, folder, scenario, url] = process.argv;
const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
const complaints = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, bypassCSP: false, ...options });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("request", (request) => new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith("data:") && complaints.push(request.url()));
  return page;
}

async function audit(page) {
  // Through the debugger, which the page's own policy does not hold.
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return found.violations.filter((each) => ["serious", "critical"].includes(each.impact)).map((each) => `${each.id}: ${each.nodes[0].html}`);
}

const scenarios = {
  // Opened once, before anything happens; never reloaded.
  async crossing() {
    const page = await open();
    await page.goto(url);
    await page.waitForSelector(".card .state.normal", { timeout: 30_000 });
    const marked = await page.evaluate(() => (window.seenBefore = true));
    await page.getByRole("button", { name: "Why, and by whom" }).first().click();
    await page.waitForSelector(".card .state.throttled, .card .state.warning", { timeout: 90_000 });
    const throttled = await page.locator(".card .spent").first().innerText();
    await page.waitForSelector(".card .state.stopped", { timeout: 90_000 });
    await page.waitForSelector(".agents .state.stopped", { timeout: 30_000 });
    await page.screenshot({ path: `${folder}/page.png`, fullPage: true });
    const stopped = await page.locator(".card .spent").first().innerText();
    const serious = await audit(page);
    await page.getByRole("link", { name: "researcher" }).first().click();
    await page.waitForSelector("main h1:has-text('researcher')");
    const agent = await page.locator("main").innerText();
    const agentSerious = await audit(page);
    return { marked: await page.evaluate(() => window.seenBefore === true) && marked, throttled, stopped, serious: [...serious, ...agentSerious], agent };
  },
  // The same page by keyboard alone, on a phone, in the dark.
  async phone() {
    const page = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    await page.goto(url);
    await page.waitForSelector(".card");
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    for (let i = 0; i < 20; ++i) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement?.getAttribute("aria-expanded") === "false")) break;
    }
    await page.keyboard.press("Enter");
    const expanded = await page.locator('[aria-expanded="true"]').count();
    await page.screenshot({ path: `${folder}/phone.png` });
    return { wide, expanded, serious: await audit(page) };
  },
  // Names that nobody should have, and a meter that is lost.
  async hostile() {
    const page = await open();
    const names = ["<img src=x onerror=window.broken=true>", "\u202Egnirts desrever", "x".repeat(128), "\u{1F4B8} agent"];
    const state = {
      version: "1", at: "2026-11-27T10:00:00Z", namespace: "agents", problem: "", overrides: [], corrections: [],
      budgets: [{
        metadata: { name: "daily", namespace: "agents" }, spec: { limit: "50" },
        status: {
          state: "Normal", spent: "1", limit: "50", percentUsed: 2, agents: names.map((name) => ({ name, spent: "1", percentUsed: 2, state: "Normal" })),
          conditions: [
            { type: "Metered", status: "False", reason: "NeverSeen", message: `${names[0]} is not metered`, lastTransitionTime: "2026-11-27T09:00:00Z" },
            { type: "Ready", status: "True", reason: "Evaluated", message: "well" },
          ],
        },
      }],
      pools: [{ metadata: { name: "research", namespace: "agents" }, spec: { maxConcurrency: 4 }, status: { state: "Normal", agents: names.map((name) => ({ name, state: "Normal", concurrency: 1 })) } }],
    };
    await page.route("**/state/*", (route) => route.fulfill({ json: state }));
    await page.goto(url);
    await page.waitForSelector(".alerts");
    await page.getByRole("button", { name: "Why, and by whom" }).click();
    const first = await page.locator("main h2").first().innerText();
    const alert = await page.locator(".alerts li").first().innerText();
    const shown = await page.locator(".agents tbody th").allInnerTexts();
    await page.getByRole("link", { name: names[0] }).first().click();
    await page.waitForSelector("main h1");
    const title = await page.locator("main h1").innerText();
    return { broken: await page.evaluate(() => window.broken === true), images: await page.locator("img").count(), first, alert, shown, title, names };
  },
  // Ten thousand agents: until they are drawn, and until a change of them is.
  async many() {
    const page = await open();
    const stateOf = (version) => ({
      version: String(version), at: "2026-11-27T10:00:00Z", namespace: "", problem: "", overrides: [], corrections: [], budgets: [],
      pools: Array.from({ length: 40 }, (_, pool) => ({
        metadata: { name: `pool-${pool}`, namespace: "agents" }, spec: { maxConcurrency: 20 },
        status: {
          state: "Normal", maxConcurrency: 20, agentCount: 250,
          agents: Array.from({ length: 250 }, (_, i) => ({ name: `agent-${pool}-${i}`, state: i % 50 === version ? "Stopped" : "Normal", concurrency: 4, running: 2 })),
        },
      })),
    });
    let version = 1;
    await page.route("**/state/*", (route) => route.fulfill({ json: stateOf(version) }));
    const began = Date.now();
    await page.goto(url);
    await page.waitForSelector(".agents tbody th");
    const first = Date.now() - began;
    const drawn = await page.locator(".agents tbody tr").count();
    await page.evaluate(() => {
      window.longest = 0;
      new PerformanceObserver((list) => { for (const each of list.getEntries()) window.longest = Math.max(window.longest, each.duration); }).observe({ entryTypes: ["longtask"] });
    });
    version = 2;
    await page.waitForSelector(".agents a:has-text('agent-0-2')", { timeout: 10_000 });
    await page.fill("input[type=search]", "agent-39-249");
    await page.waitForSelector(".agents[aria-rowcount='2']");
    await page.fill("input[type=search]", "");
    await page.locator(".sight").evaluate((element) => { element.scrollTop = element.scrollHeight; });
    await page.waitForSelector(".agents tbody tr[aria-rowindex='10001']");
    return { first, drawn, longest: await page.evaluate(() => window.longest) };
  },
};

try {
  const seen = await scenarios[scenario]();
  console.log(JSON.stringify({ ...seen, complaints }));
} finally {
  await browser.close();
}
