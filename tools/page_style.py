"""How the pages of tools/report and tools/collect look."""

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:62em;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.5em;margin:0}.sum{font-size:1.15em;margin:.6em 0 1.2em}
table{border-collapse:collapse;width:100%;margin:.4em 0 1.6em}td,th{text-align:left;vertical-align:top;padding:.25em .6em;border-bottom:1px solid #ddd}
td:first-child{white-space:nowrap;font-family:ui-monospace,monospace;font-size:.9em}
.tag{border-radius:.3em;padding:.05em .5em;font-size:.85em;white-space:nowrap;color:#fff}
.pass{background:#2a7d3f}.checked{margin:.1em 0}.fail,.unexpected-pass,.did-not-run{background:#b3261e}.skip{background:#777}.known-failure{background:#a06a00}
.why{color:#555;font-size:.92em;margin:.1em 0}.bad td{background:#fdeceb}
pre{background:#f6f6f6;padding:.8em;overflow:auto;font-size:.8em}summary{cursor:pointer}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}td,th{border-color:#444}.bad td{background:#3a1d1b}pre{background:#222}.why{color:#aaa}}
"""
