"""The nouns, the template language, expressions, permissions: pure."""
