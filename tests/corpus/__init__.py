"""The leak corpus: thousands of made-up values on every way through real applications, and a search for each."""
