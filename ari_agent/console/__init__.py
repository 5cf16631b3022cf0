"""The web pages of the controller, made on the server: see every call, and why it went as it did.

`console.py` has all paths. A page is a handler, a template of the same name and, where there is something to decide, a
pure module.
"""
