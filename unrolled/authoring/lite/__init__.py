"""The labs in a browser: a JupyterLite site with its own Python, made beside the book's pages.

`pyodide` gets CPython for WebAssembly, `wheels` makes packages of what is installed here, `shared`
puts together what all sites have alike, and `assemble` adds one tree's package and labs.
"""
