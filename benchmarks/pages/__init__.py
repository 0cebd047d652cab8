"""How fast the report opens in a real browser, how large it is, and whether it is silent there."""
