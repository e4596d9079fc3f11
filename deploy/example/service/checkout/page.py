"""Renders the page at `/`: pure, from what is running and what is in the basket."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from checkout.about import About
from checkout.pricing import PRICES, Bill, money

ACCENTS: Mapping[str, str] = {"production": "#16794a", "staging": "#9a6700"}
NEWS = "Freshly made, plainly priced."

STYLE = """
:root { color-scheme: light dark; --line: #d8dee4; --soft: #59636e; --card: #fff; --back: #f6f8fa; --ink: #1f2328 }
@media (prefers-color-scheme: dark) {
  :root { --line: #3d444d; --soft: #9198a1; --card: #151b23; --back: #0d1117; --ink: #f0f6fc }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 34rem; margin: 3rem auto; padding: 0 1rem }
header { display: flex; align-items: baseline; gap: .75rem; flex-wrap: wrap }
h1 { margin: 0; font-size: 1.75rem }
.badge { background: var(--accent); color: #fff; border-radius: 1rem; padding: .1rem .75rem; font-size: .875rem }
.news { color: var(--soft); margin: .25rem 0 1.5rem }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem }
label { display: grid; grid-template-columns: 1fr auto 5rem; gap: 1rem; align-items: center; padding: .35rem 0 }
label span { color: var(--soft); font-size: .875rem }
input { width: 100%; font: inherit; padding: .25rem .5rem; border: 1px solid var(--line); border-radius: .4rem }
button { margin-top: 1rem; width: 100%; font: inherit; font-weight: 600; padding: .6rem; border: 0;
  border-radius: .5rem; background: var(--accent); color: #fff; cursor: pointer }
dl { display: grid; grid-template-columns: 1fr auto; gap: .25rem 1rem; margin: 1.25rem 0 0;
  border-top: 1px solid var(--line); padding-top: 1rem }
dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums }
.total { font-weight: 700 }
.problem { color: #cf222e; margin: 1rem 0 0 }
footer { color: var(--soft); font-size: .875rem; margin-top: 1rem }
code { font-family: ui-monospace, monospace }
"""


def render(about: About, asked: Mapping[str, str], bill: Bill | None, problem: str = "") -> str:
    """Give the whole page. `asked` is what stood in the form, untrusted; `bill` is None if it can't be priced."""
    accent = ACCENTS.get(about.environment, "#0969da")
    fields = "".join(
        f'<label>{escape(product)} <span>{money(cents)}</span> <input name="{escape(product)}" inputmode="numeric" '
        f'aria-label="pieces of {escape(product)}" value="{escape(asked.get(product, "0"))}"></label>'
        for product, cents in PRICES.items()
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>checkout {escape(about.version)} ({escape(about.environment)})</title>
<style>{STYLE}:root {{ --accent: {accent} }}</style>
</head>
<body>
<main>
<header><h1>checkout</h1> <strong id="version">{escape(about.version)}</strong>
<span class="badge" id="environment">{escape(about.environment)}</span></header>
<p class="news">{escape(NEWS)}</p>
<form class="card" action="/">{fields}<button>What does it cost?</button>{result(bill, problem)}</form>
<footer>commit <code>{escape(about.commit[:8])}</code></footer>
</main>
</body>
</html>
"""


def result(bill: Bill | None, problem: str) -> str:
    """Give the bill below the form, or the sentence that says why there is none."""
    if problem or bill is None:
        return f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    rows = [(f"{line.quantity} {line.product}", line.cents) for line in bill.lines]
    items = "".join(f"<dt>{escape(what)}</dt><dd>{money(cents)}</dd>" for what, cents in rows)
    return f'<dl>{items}<dt class="total">Total</dt><dd class="total" id="total">{money(bill.total)}</dd></dl>'
