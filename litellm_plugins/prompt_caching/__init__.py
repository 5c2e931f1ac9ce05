"""The provider's prompt cache: which prefixes come again, where marks go and for how long, and why it does not hit."""
