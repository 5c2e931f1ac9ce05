"""The page at `/plugins/ui`: who may look, what they see, and how it is drawn. It knows neither host nor HTTP."""
