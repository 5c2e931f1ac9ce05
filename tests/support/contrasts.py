"""Contrast as a browser draws it, by WCAG 2.2: text (1.4.3) and the edges of fields and buttons (1.4.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

# Relative luminance and contrast ratio as WCAG defines them; colours that let others through are laid over these.
_LOOK = r"""() => {
  const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m[3] ?? 1]; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat([1]);
  const channel = (v) => (v / 255 <= .03928 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4);
  const luminance = (c) => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + .05) / (low + .05);
  };
  const ground = (e) => {
    const laid = [];
    for (let n = e; n; n = n.parentElement) laid.push(parse(getComputedStyle(n).backgroundColor));
    return laid.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255, 1]);
  };
  const seen = (e) => e.getClientRects().length > 0;
  const low = [];
  const judge = (what, colour, below, least) => {
    const found = ratio(over(colour, below), below);
    if (found < least) low.push(`${what}: ${found.toFixed(2)} of ${least}`);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let many = 0;
  while (texts.nextNode()) {
    const text = texts.currentNode.nodeValue.trim(), e = texts.currentNode.parentElement;
    if (!text || !seen(e) || e.closest("svg")) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), colour = parse(style.color);
    for (let n = e; n; n = n.parentElement) colour[3] *= Number(getComputedStyle(n).opacity);
    judge(text.slice(0, 40), colour, ground(e), size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5);
    many += 1;
  }
  for (const e of document.querySelectorAll("input:not([type=hidden])")) {
    judge(`edge of #${e.id}`, parse(getComputedStyle(e).borderTopColor), ground(e.parentElement), 3);
    const hint = getComputedStyle(e, "::placeholder").color;
    if (e.placeholder) judge(`placeholder of #${e.id}`, parse(hint), ground(e), 4.5);
  }
  return [many, low];
}"""


def unreadable(page: Page) -> list[str]:
    """What has less contrast than level AA asks for; it is an error to ask where there is no text."""
    many, low = page.evaluate(_LOOK)
    assert many > 3
    return list(low)


def narrow_targets(page: Page, least: int) -> list[str]:
    """Links, buttons and fields that are lower than so many CSS pixels (2.5.5, 2.5.8); a skip link is for keys."""
    found = page.evaluate(
        """(least) => [...document.querySelectorAll("a:not(.skip), button, input:not([type=hidden]), summary")]
            .filter((e) => e.getClientRects().length > 0 && e.getBoundingClientRect().height < least)
            .map((e) => `${e.tagName} ${e.innerText || e.id}: ${e.getBoundingClientRect().height}`)""",
        least,
    )
    return list(found)
